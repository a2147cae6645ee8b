// Runs recurrences without TensorFlow, for the sanitizers: each is compared with the equations in
// double precision, and its gradients with slopes of these. Exit code 1 and a line where they differ.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "recurrence.h"

using Floats = std::vector<float>;
std::mt19937 generator(1);

Floats normal(long n, float scale = 1) {
  std::normal_distribution<float> draw(0, scale);
  Floats v(n);
  for (auto& x : v) x = draw(generator);
  return v;
}

struct Case {
  Job job = {};
  Floats x, kernel, recurrent, bias, h0, c0, d_h, d_h_final, d_c_final;
  std::vector<uint8_t> mask;
  Floats h, kept, h_final, c_final, d_x, d_kernel, d_recurrent, d_bias, d_h0, d_c0;

  Case(Kind kind, long B, long T, long I, long U, int how) {
    Job& j = job;
    const long G = GATES[kind], places = B * T;
    j.kind = kind, j.B = B, j.T = T, j.U = U;
    j.reverse = how & 1, j.zero_masked = how & 2, j.projected = how & 8;
    j.I = j.projected ? G * U : I;
    const bool time_major = how & 16;
    j.row = time_major ? 1 : T, j.step = time_major ? B : 1;
    x = normal(places * j.I), h0 = normal(B * U), c0 = normal(B * U), bias = normal(G * U);
    recurrent = normal(U * G * U, 1 / std::sqrt(U)), kernel = normal(I * G * U, 1 / std::sqrt(I));
    d_h = normal(places * U), d_h_final = normal(B * U), d_c_final = normal(B * U);
    mask.resize(places);
    for (auto& m : mask) m = generator() % 3 > 0;
    if (how & 4) j.mask = mask.data();
    h.resize(places * U), kept.resize(places * KEPT[kind] * padded(U));
    h_final.resize(B * U), c_final.resize(B * U);
    d_x.resize(x.size()), d_kernel.resize(kernel.size()), d_recurrent.resize(recurrent.size());
    d_bias.resize(bias.size());
    point();
  }

  void point() {  // to where the numbers are, after a move
    Job& j = job;
    if (j.mask) j.mask = mask.data();
    j.x = x.data(), j.recurrent = recurrent.data(), j.h0 = h0.data(), j.c0 = c0.data();
    j.kernel = j.projected ? nullptr : kernel.data(), j.bias = j.projected ? nullptr : bias.data();
    j.h = h.data(), j.h_final = h_final.data(), j.c_final = c_final.data(), j.d_h = d_h.data();
    j.d_x = d_x.data(), j.d_kernel = d_kernel.data(), j.d_recurrent = d_recurrent.data();
    j.d_bias = j.projected ? nullptr : d_bias.data();
  }

  void run(int threads, int instructions) {
    job.threads = threads, job.instructions = instructions;
    job.keep = false, job.kept = nullptr;
    forward(job);
    const Floats without = h;
    job.keep = true, job.kept = kept.data();
    forward(job);
    if (without != h) fail("what is kept changes the outputs");
    d_h0 = d_h_final, d_c0 = d_c_final;
    job.d_h0 = d_h0.data(), job.d_c0 = d_c0.data();
    backward(job);
  }

  // The outputs times their gradients, by the equations; the outputs are compared on the way.
  double loss(bool compare) const {
    const Job& j = job;
    const long U = j.U, G = GATES[j.kind];
    auto sigmoid = [](double z) { return 1 / (1 + std::exp(-z)); };
    double total = 0;
    for (long b = 0; b < j.B; b++) {
      std::vector<double> state(h0.begin() + b * U, h0.begin() + (b + 1) * U), next = state;
      std::vector<double> memory(c0.begin() + b * U, c0.begin() + (b + 1) * U), relevant = state;
      bool counted = false;
      for (long n = 0; n < j.T; n++) {
        const long at = b * j.row + (j.reverse ? j.T - 1 - n : n) * j.step;
        const bool active = !j.mask || j.mask[at];
        auto of_x = [&](long g, long u) {
          const long column = g * U + u;
          if (j.projected) return double(x[at * j.I + column]);
          double z = bias[column];
          for (long i = 0; i < j.I; i++) z += double(x[at * j.I + i]) * kernel[i * G * U + column];
          return z;
        };
        auto of_state = [&](const std::vector<double>& s, long g, long u) {
          double z = 0;
          for (long i = 0; i < U; i++) z += s[i] * recurrent[i * G * U + g * U + u];
          return z;
        };
        auto gate = [&](long g, long u) { return of_x(g, u) + of_state(state, g, u); };
        for (long u = 0; active && j.kind == GRU && u < U; u++) relevant[u] = sigmoid(gate(1, u)) * state[u];
        for (long u = 0; active && u < U; u++) switch (j.kind) {
            case LSTM:
              memory[u] = sigmoid(gate(1, u)) * std::tanh(gate(0, u)) + sigmoid(gate(2, u)) * memory[u];
              next[u] = sigmoid(gate(3, u)) * std::tanh(memory[u]);
              break;
            case GRU: {
              const double update = sigmoid(gate(0, u)), z = of_x(2, u) + of_state(relevant, 2, u);
              next[u] = update * std::tanh(z) + (1 - update) * state[u];
            } break;
            case RESET_AFTER_GRU: {
              const double update = sigmoid(gate(0, u)), reset = sigmoid(gate(1, u));
              const double z = of_x(2, u) + reset * of_state(state, 2, u);
              next[u] = update * state[u] + (1 - update) * std::tanh(z);
            } break;
            case SIMPLIFIED_GRU: {
              const double update = sigmoid(gate(1, u));
              next[u] = update * std::tanh(gate(0, u)) + (1 - update) * state[u];
            } break;
            default: next[u] = std::tanh(gate(0, u));
          }
        if (active) state = next, counted = true;
        for (long u = 0; u < U; u++) {
          const double shown = active || (counted && !j.zero_masked) ? state[u] : 0;
          total += shown * d_h[at * U + u];
          if (compare && !(std::abs(shown - h[at * U + u]) < 2e-5)) fail("outputs");
        }
      }
      for (long u = 0; u < U; u++) {
        total += state[u] * d_h_final[b * U + u];
        if (j.kind == LSTM) total += memory[u] * d_c_final[b * U + u];
        if (compare && !(std::abs(state[u] - h_final[b * U + u]) < 2e-5)) fail("final states");
        if (compare && j.kind == LSTM && !(std::abs(memory[u] - c_final[b * U + u]) < 1e-4)) fail("final memories");
      }
    }
    return total;
  }

  void compare(const char* what, Floats& values, const Floats& gradient) {
    const Floats direction = normal(values.size()), before = values;
    double expected = 0, found[2];
    const float step = 1e-3;
    for (int side = 0; side < 2; side++) {
      for (size_t i = 0; i < values.size(); i++) values[i] = before[i] + (side ? -step : step) * direction[i];
      found[side] = loss(false);
    }
    values = before;
    for (size_t i = 0; i < values.size(); i++) expected += double(gradient[i]) * direction[i];
    const double slope = (found[0] - found[1]) / (2 * step);
    if (!(std::abs(slope - expected) < 2e-2 + 1e-2 * std::abs(slope))) {
      std::printf("slope %g, gradient %g: ", slope, expected);
      fail(what);
    }
  }

  void check() {
    loss(true);
    compare("gradient of inputs", x, d_x);
    compare("gradient of recurrent kernel", recurrent, d_recurrent);
    compare("gradient of states", h0, d_h0);
    if (job.kind == LSTM) compare("gradient of memories", c0, d_c0);
    if (job.projected) return;
    compare("gradient of kernel", kernel, d_kernel);
    compare("gradient of bias", bias, d_bias);
  }

  [[noreturn]] void fail(const char* what) const {
    std::printf("%s: kind %d, sizes %ld %ld %ld %ld, threads %d, instructions %d, reverse %d, mask %d, zero %d, projected %d\n",
                what, job.kind, job.B, job.T, job.I, job.U, job.threads, job.instructions, job.reverse,
                job.mask != nullptr, job.zero_masked, job.projected);
    std::exit(1);
  }
};

int main() {
  const long sizes[][4] = {{3, 5, 2, 3}, {1, 9, 7, 40}, {2, 4, 3, 1}, {35, 3, 5, 17}, {1, 3, 4, 150}, {0, 4, 3, 5}, {2, 0, 3, 5}};
  int instructions = 0;
  for (int kind = 0; kind < KINDS; kind++)
    for (auto& s : sizes)
      for (int how = 0; how < 32; how += 1 + generator() % 3) {
        Case c((Kind)kind, s[0], s[1], s[2], s[3], how);
        c.run(1 + generator() % 4, instructions = (instructions + 1) % (MOST_KERNELS + 1) - 1);
        c.check();
      }
  // Some that are worth several threads: by several callers at once, and in a child of this process.
  auto large = [](int kind, long rows) {
    Case c((Kind)kind, rows, 40, 20, 150, 4 + kind % 2);
    return c;
  };
  std::vector<Case> cases;
  for (int kind = 0; kind < KINDS; kind++)
    for (long rows : {1, 2, 40}) cases.push_back(large(kind, rows));
  for (Case& c : cases) c.point();
  std::vector<std::thread> callers;
  std::atomic<size_t> next{0};
  for (int i = 0; i < 3; i++)
    callers.emplace_back([&, i] { for (size_t n; (n = next++) < cases.size();) cases[n].run(2 + i, -1); });
  for (auto& caller : callers) caller.join();
  for (Case& c : cases) c.loss(true);
  cases[3].check();
  const pid_t child = fork();
  if (!child) {
    cases[0].run(2, -1), cases[0].loss(true);
    std::_Exit(0);
  }
  int status = 1;
  waitpid(child, &status, 0);
  if (status) std::printf("the child of a fork failed\n");
  return status != 0;
}
