// Which thread does what of a recurrence, and the threads.
#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include "recurrence.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
namespace avx2 { extern const Kernels kernels; }
namespace avx512 { extern const Kernels kernels; }
#endif
namespace plain { extern const Kernels kernels; }

const Kernels* const KERNELS[MOST_KERNELS] = {
    &plain::kernels,
#if defined(__x86_64__)
    &avx2::kernels, &avx512::kernels,
#endif
};

namespace {
constexpr int SPINS = 300;  // about ten microseconds

void pause(int spins) {
#if defined(__x86_64__)
  _mm_pause();
#endif
  if (spins > SPINS) sched_yield();  // who is waited for may need this processor
}

const Kernels& kernels_of(const Job& job) {
  static const Kernels* best = [] {
    const Kernels* found = KERNELS[0];
    for (auto* k : KERNELS)
      if (k && k->runs_here()) found = k;
    return found;
  }();
  const bool asked = job.instructions >= 0 && job.instructions < MOST_KERNELS && KERNELS[job.instructions];
  return asked && KERNELS[job.instructions]->runs_here() ? *KERNELS[job.instructions] : *best;
}

// Threads that sleep between recurrences. After a fork there are none: the child begins with a pool
// of its own.
class Pool {
 public:
  static Pool& get() {
    static std::mutex lock;
    static Pool* pool = nullptr;
    static pid_t owner = 0;
    if (__atomic_load_n(&owner, __ATOMIC_ACQUIRE) != getpid()) {
      if (owner && owner != getpid()) new (&lock) std::mutex;  // who held it is not in this process
      std::lock_guard<std::mutex> l(lock);
      if (owner != getpid()) {
        pool = new Pool;  // what the parent had stays as it is: its threads are not here
        __atomic_store_n(&owner, getpid(), __ATOMIC_RELEASE);
      }
    }
    return *pool;
  }
  void run(int n, void (*work)(Plan&, int), Plan& plan) {
    std::atomic<int> left(n - 1);
    if (n > 1) {
      std::lock_guard<std::mutex> l(lock_);
      while ((int)threads_.size() < n - 1) {
        threads_.emplace_back([this] { loop(); });
        threads_.back().detach();
      }
      for (int i = 1; i < n; i++) tasks_.push_back({work, &plan, i, &left, sched_getcpu()});
      n == 2 ? any_.notify_one() : any_.notify_all();
    }
    work(plan, 0);
    if (n > 1) {  // who has not come by now is not needed
      std::lock_guard<std::mutex> l(lock_);
      for (auto task = tasks_.begin(); task != tasks_.end();) {
        if (task->plan == &plan) task = tasks_.erase(task), left--;
        else ++task;
      }
    }
    for (int spins = 0; left.load(std::memory_order_acquire); spins++) pause(spins);
  }

 private:
  struct Task { void (*work)(Plan&, int); Plan* plan; int thread; std::atomic<int>* left; int taken; };
  // A thread that wakes up where the one that called it runs would take turns with it.
  static void leave(int processor) {
    cpu_set_t allowed;
    if (sched_getcpu() != processor || sched_getaffinity(0, sizeof allowed, &allowed)) return;
    cpu_set_t others = allowed;
    CPU_CLR(processor, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
      sched_setaffinity(0, sizeof allowed, &allowed);
  }
  void loop() {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);  // what is too small is 0, as in the threads of TensorFlow
#endif
    std::unique_lock<std::mutex> l(lock_);
    for (;;) {
      any_.wait(l, [this] { return !tasks_.empty(); });
      Task task = tasks_.front();
      tasks_.pop_front();
      l.unlock();
      leave(task.taken);
      task.work(*task.plan, task.thread);
      task.left->fetch_sub(1, std::memory_order_release);
      l.lock();
    }
  }
  std::mutex lock_;
  std::condition_variable any_;
  std::deque<Task> tasks_;
  std::vector<std::thread> threads_;
};

struct Free { void operator()(void* p) const { std::free(p); } };
using Floats = std::unique_ptr<float, Free>;
Floats floats(long n) {
  void* p = std::aligned_alloc(64, (n * 4 + 64 + 63) / 64 * 64);
  if (!p) throw std::bad_alloc();
  return Floats((float*)p);
}

constexpr double WORTH_A_THREAD = 5e5;  // operations
constexpr double WORTH_WAITING = 6e4;   // of a step, operations of each thread of a team

void run(const Job& job, bool backward) {
  const Kernels& kernels = kernels_of(job);
  const long B = job.B, T = job.T, U = job.U, G = GATES[job.kind];
  std::vector<long> counts(B, T);
  if (job.mask)
    for (long b = 0; b < B; b++) {
      counts[b] = 0;
      for (long t = 0; t < T; t++) counts[b] += job.mask[b * job.row + t * job.step] != 0;
    }
  const long entries = std::accumulate(counts.begin(), counts.end(), 0L);
  const double work = 2. * entries * U * G * (U + (job.projected ? 0 : job.I));
  long threads = std::max(1L, std::min<long>(job.threads, work / WORTH_A_THREAD));
  long teams = std::max(1L, std::min(B, threads > 1 ? std::max(threads, std::min(2 * threads, B / 16)) : 1));
  long size = 1;
  if (teams < threads) {
    const double step = 2. * U * U * G * B / teams;
    size = std::min({threads / teams, (U + kernels.width - 1) / kernels.width, (long)(step / WORTH_WAITING)});
    size = std::max(1L, size);
  }
  threads = std::min(threads, std::max(teams * size, 1L));

  // Sequences go where the fewest steps are.
  std::vector<int> order(B);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return counts[a] > counts[b]; });
  std::vector<std::vector<int>> rows(teams);
  std::vector<long> load(teams);
  for (int b : order) {
    const long least = std::min_element(load.begin(), load.end()) - load.begin();
    rows[least].push_back(b);
    load[least] += counts[b] + 1;
  }

  std::unique_ptr<Team[]> team(new Team[teams]);
  std::vector<std::vector<long>> active(teams), first(teams);
  std::vector<long> at(entries);
  std::vector<const float*> h_row(backward ? entries : 0);
  const bool holds = job.mask && !job.zero_masked && backward;
  std::vector<int> held(holds ? entries : 0);
  std::vector<Floats> memory;
  long entry = 0;
  for (long i = 0; i < teams; i++) {
    const long steps = rows[i].empty() ? 0 : counts[rows[i][0]];
    active[i].assign(steps, 0);
    for (int b : rows[i])
      for (long k = 0; k < counts[b]; k++) active[i][k]++;
    first[i].push_back(entry);
    for (long n : active[i]) first[i].push_back(entry += n);
    for (size_t r = 0; r < rows[i].size(); r++) {
      const long b = rows[i][r];
      long k = 0, before = -1;
      for (long n = 0; n < T; n++) {
        const long place = b * job.row + (job.reverse ? T - 1 - n : n) * job.step;
        if (job.mask && !job.mask[place]) {
          if (holds && k) held[first[i][k - 1] + r]++;
          continue;
        }
        const long e = first[i][k++] + r;
        at[e] = place;
        if (backward) h_row[e] = before < 0 ? job.h0 + b * U : job.h + before * U;
        before = place;
      }
    }
    Team& t = team[i];
    t.size = size;
    t.rows = rows[i].size(), t.steps = steps;
    t.row = rows[i].data(), t.active = active[i].data(), t.first = first[i].data();
    memory.push_back(floats(kernels.memory(job, t)));
    t.memory = memory.back().get();
  }
  Plan plan;
  plan.job = job;
  plan.threads = threads, plan.size = size;
  plan.teams = teams, plan.team = team.get();
  plan.entries = entries, plan.at = at.data(), plan.h_row = h_row.data();
  plan.held = holds ? held.data() : nullptr;
  Floats panels = floats(kernels.panels(job, backward)), gradients, relevant, turned;
  plan.panels = panels.get();
  if (backward) {
    const long row = GRADIENTS[job.kind] * padded(U) + kernels.width;
    gradients = floats(entries * row);
    plan.gradients = gradients.get();
    if (job.kind == GRU) relevant = floats(entries * padded(U) + kernels.width);
    plan.relevant = relevant.get();
    turned = floats(kernels.columns(job, entries));
    plan.columns = turned.get();
  }
  Pool::get().run(threads, backward ? kernels.backward : kernels.forward, plan);
}
}  // namespace

void wait(Barrier& barrier) {
  const int turn = barrier.turn.load(std::memory_order_relaxed);
  if (barrier.arrived.fetch_add(1, std::memory_order_acq_rel) == barrier.size - 1) {
    barrier.arrived.store(0, std::memory_order_relaxed);
    barrier.turn.fetch_add(1, std::memory_order_release);
    return;
  }
  for (int spins = 0; barrier.turn.load(std::memory_order_acquire) == turn; spins++) pause(spins);
}

void Parts::wait(long n) const {
  for (int spins = 0; done.load(std::memory_order_acquire) < n; spins++) pause(spins);
}

void with_teams(Plan& plan, int thread, void (*work)(Plan&, Team&, int)) {
  if (plan.size > 1) {  // those who are there by now share the units of each team
    constexpr int CLOSED = 1 << 20;
    int mine = 0;
    if (thread == 0) {
      for (int spins = 0; plan.came.load() < plan.threads - 1 && spins < 10 * SPINS; spins++) pause(0);
      const int came = plan.came.fetch_add(CLOSED);
      const int size = std::max<int>(1, (came + 1) / plan.teams);
      for (long i = 0; i < plan.teams; i++) plan.team[i].size = plan.team[i].barrier.size = size;
      plan.gathered.store(size, std::memory_order_release);
    } else {
      mine = plan.came.fetch_add(1) + 1;
      if (mine > CLOSED) return;
      for (int spins = 0; !plan.gathered.load(std::memory_order_acquire); spins++) pause(spins);
    }
    const int size = plan.gathered.load(std::memory_order_acquire);
    if (size > 1) {
      if (mine / size >= plan.teams) return;
      work(plan, plan.team[mine / size], mine % size);
      if (mine % size == 0) plan.running.done.fetch_add(1, std::memory_order_release);
      return;
    }
  }
  plan.running.share(plan.teams, [&](long i) { work(plan, plan.team[i], 0); });
}

void forward(const Job& job) { run(job, false); }
void backward(const Job& job) { run(job, true); }
