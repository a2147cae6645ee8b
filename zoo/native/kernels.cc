// The steps themselves, compiled once for each set of instructions: -DINSTRUCTIONS=avx2 -mavx2 ...
//
// Nothing here may use templates of the standard library that are not inlined: the linker keeps one
// copy of them, which might be one that the processor cannot run.
#include <cstring>

#include "recurrence.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace INSTRUCTIONS {
namespace {

#if defined(__AVX512F__)
constexpr int V = 16, ROWS = 8, TILE = 12;
#elif defined(__AVX2__)
constexpr int V = 8, ROWS = 6, TILE = 6;
#else
constexpr int V = 4, ROWS = 4, TILE = 4;
#endif
constexpr long W = 2 * V;  // columns of a panel
constexpr long DEPTH = 256;  // rows of a panel that are multiplied at once: in the first cache

typedef float vf __attribute__((vector_size(V * 4)));
typedef float vfu __attribute__((vector_size(V * 4), aligned(4), may_alias));
typedef int32_t vi __attribute__((vector_size(V * 4)));

inline long least(long a, long b) { return a < b ? a : b; }
inline long most(long a, long b) { return a > b ? a : b; }
inline vf load(const float* p) { return *(const vfu*)p; }
inline void store(float* p, vf v) { *(vfu*)p = v; }
inline vf load(const float* p, long n) {
  if (n >= V) return load(p);
  float t[V] = {};
  if (n > 0) std::memcpy(t, p, n * 4);
  return load(t);
}
inline void store(float* p, vf v, long n) {
  if (n >= V) return store(p, v);
  float t[V];
  store(t, v);
  if (n > 0) std::memcpy(p, t, n * 4);
}
inline vf all(float s) { return s - (vf){}; }

#include "functions.inc"

// ---- Products: rows times a packed panel, K rows of W columns -------------------------------

enum Start { ADD, FROM };  // to what is there; from a row of W numbers

template <int R, int N, Start START>
inline __attribute__((always_inline)) void tile(long K, const float* const* a, const float* p, long ahead,
                                                const float* from, float* const* out, long w) {
  constexpr int C = R == 1 ? 4 : R == 2 ? 2 : 1;  // chains of sums, to hide their latency
  vf s[C][R][N] = {};
  const float* row[R];
  for (int r = 0; r < R; r++) row[r] = a[r];
  long k = 0;
  for (; k + C <= K; k += C)
#pragma GCC unroll 4
    for (int c = 0; c < C; c++) {
      const float* q = p + (k + c) * W;
      __builtin_prefetch(q + ahead, 0, 2);
      if (V == 16) __builtin_prefetch(q + ahead + V, 0, 2);
      vf b[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; n++) b[n] = *(const vf*)(q + n * V);
#pragma GCC unroll 8
      for (int r = 0; r < R; r++) {
        vf v = all(row[r][k + c]);
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) s[c][r][n] += v * b[n];
      }
    }
  for (; k < K; k++)
    for (int r = 0; r < R; r++)
      for (int n = 0; n < N; n++) s[0][r][n] += all(row[r][k]) * *(const vf*)(p + k * W + n * V);
  for (int r = 0; r < R; r++)
    for (int n = 0; n < N; n++) {
      vf sum = START == ADD ? load(out[r] + n * V, w - n * V) : load(from + n * V);
      for (int c = 0; c < C; c++) sum += s[c][r][n];
      store(out[r] + n * V, sum, w - n * V);
    }
}

template <int N, Start START>
void rows_by_panel(long K, const float* const* a, long n, const float* p, const float* from,
                   float* const* out, long w) {
  const long tiles = (n + ROWS - 1) / ROWS, ahead = K * W;
  for (long i = 0, r = 0; i < tiles; i++) {
    const long rows = (n - r + tiles - i - 1) / (tiles - i);
    switch (rows) {
#define CASE(R) case R: tile<R, N, START>(K, a + r, p, i ? 0 : ahead, from, out + r, w); break
      CASE(1); CASE(2); CASE(3); CASE(4);
#if defined(__AVX2__)
      CASE(5); CASE(6);
#endif
#if defined(__AVX512F__)
      CASE(7); CASE(8);
#endif
#undef CASE
    }
    r += rows;
  }
}

// out[r][0 .. w) = or += a[r][0 .. K) times a panel, for n rows; w is at most W.
template <Start START>
inline void product(long K, const float* const* a, long n, const float* p, const float* from,
                    float* const* out, long w) {
  if (w > V) rows_by_panel<2, START>(K, a, n, p, from, out, w);
  else rows_by_panel<1, START>(K, a, n, p, from, out, w);
}

// ---- Memory --------------------------------------------------------------------------------

struct Sizes {
  long I, U, G, up, blocks, inputs;  // blocks of W units; of W inputs
  explicit Sizes(const Job& j)
      : I(j.projected ? 0 : j.I), U(j.U), G(GATES[j.kind]), up(padded(j.U)), blocks((j.U + W - 1) / W),
        inputs((I + W - 1) / W) {}
  // Rows of one's own are not at the same places of the first cache.
  long row() const { return up + W; }
};

inline long slots(Kind kind) { return kind == RESET_AFTER_GRU ? 4 : GATES[kind]; }
// Steps that are projected at once, so that the kernel is read once for some rows.
inline long steps_at_once(long rows) { return rows ? (48 + rows - 1) / rows : 1; }

// A team's memory: states, the rows of steps that are projected at once, and pointers to rows.
struct Memory {
  float *h[2], *c, *z, *relevant, *pointers;
  long total, z_row;
  Memory(const Job& j, const Team& t, float* p) {
    const Sizes s(j);
    const long at_once = t.rows * steps_at_once(t.rows), states = t.rows * s.row();
    z_row = slots(j.kind) * s.up + W;
    float* start = p;
    h[0] = p, p += states;
    h[1] = p, p += states;
    c = p, p += states;
    relevant = p, p += states;
    z = p, p += at_once * z_row;
    pointers = p, p += t.size * 4 * (at_once + t.rows);  // two of each for each thread, 8 bytes
    total = (p - start + 63) / 64 * 64;
  }
};

struct Pointers {
  const float** from;
  float** to;
  Pointers(const Memory& m, const Team& t, int member) {
    const long n = t.rows * steps_at_once(t.rows) + t.rows;
    from = (const float**)m.pointers + member * 2 * n;
    to = (float**)from + n;
  }
};

long panels(const Job& j, bool) {
  const Sizes s(j);  // forward (I + U) by G blocks of units, backward G U by blocks of each
  return most((s.I + s.U) * s.G * s.blocks, s.G * s.U * (s.blocks + s.inputs)) * W + s.G * s.blocks * W + 4 * W;
}

inline void wait_for(Team& t) { if (t.size > 1) wait(t.barrier); }

// Which units and inputs of a team are a thread's, in blocks.
struct Share {
  long from, to, first_x, last_x;
  Share(const Job& j, const Team& team, int member) {
    const Sizes s(j);
    from = s.blocks * member / team.size, to = s.blocks * (member + 1) / team.size;
    first_x = s.inputs * member / team.size, last_x = s.inputs * (member + 1) / team.size;
  }
};

// ---- Forward -------------------------------------------------------------------------------

// A panel of kernel and recurrent kernel, of a gate and a block; the rows of the bias are behind all.
void pack(Plan& p, long i) {
  const Job& j = p.job;
  const Sizes s(j);
  const long N = s.G * s.U;
  float* bias = p.panels + (s.I + s.U) * s.G * s.blocks * W;
  const long g = i / s.blocks, u = i % s.blocks * W, w = s.U - u, column = g * s.U + u;
  for (int n = 0; n < 2; n++)
    store(bias + i * W + n * V, j.bias ? load(j.bias + column + n * V, w - n * V) : (vf){});
  float* to = p.panels + i * (s.I + s.U) * W;
  for (long k = 0; k < s.I + s.U; k++, to += W) {
    const float* row = (k < s.I ? j.kernel + k * N : j.recurrent + (k - s.I) * N) + column;
    store(to, load(row, w));
    store(to + V, load(row + V, w - V));
  }
}

// x W + b of the entries of some steps, of the thread's units.
void project(Plan& p, const Share& share, const Memory& m, const Pointers& rows, long entry, long n) {
  const Job& j = p.job;
  const Sizes s(j);
  const float* bias = p.panels + (s.I + s.U) * s.G * s.blocks * W;
  for (long i = 0; i < n; i++) rows.from[i] = j.x + p.at[entry + i] * j.I;
  for (long b = share.from; b < share.to; b++)
    for (long g = 0; g < s.G; g++) {
      const long panel = g * s.blocks + b, u = b * W, w = least(W, s.up - u);
      for (long i = 0; i < n; i++) rows.to[i] = m.z + i * m.z_row + g * s.up + u;
      if (j.projected) {
        for (long i = 0; i < n; i++)
          for (long v = 0; v < w; v += V)
            store(rows.to[i] + v, load(rows.from[i] + g * s.U + u + v, s.U - u - v));
        continue;
      }
      product<FROM>(least(DEPTH, s.I), rows.from, n, p.panels + panel * (s.I + s.U) * W, bias + panel * W,
                    rows.to, w);
      for (long k = DEPTH; k < s.I; k += DEPTH) {
        for (long i = 0; i < n; i++) rows.from[i] += DEPTH;
        product<ADD>(least(DEPTH, s.I - k), rows.from, n, p.panels + (panel * (s.I + s.U) + k) * W, nullptr,
                     rows.to, w);
        if (k + DEPTH >= s.I)
          for (long i = 0; i < n; i++) rows.from[i] -= k;
      }
    }
}

// Adds states times the recurrent panel of a gate to a block of `z`, or begins it with nothing.
void recur(Plan& p, const Memory& m, const Pointers& rows, const float* states, long n, long g, long b,
           float* z) {
  static const float nothing[W] = {};
  const Sizes s(p.job);
  const long u = b * W, w = least(W, s.up - u);
  const bool new_slot = p.job.kind == RESET_AFTER_GRU && g == 2;
  const float* panel = p.panels + ((g * s.blocks + b) * (s.I + s.U) + s.I) * W;
  for (long i = 0; i < n; i++) rows.to[i] = z + i * m.z_row + (g + new_slot) * s.up + u;
  for (long k = 0; k < s.U; k += DEPTH) {
    for (long i = 0; i < n; i++) rows.from[i] = states + i * s.row() + k;
    if (new_slot && !k) product<FROM>(least(DEPTH, s.U), rows.from, n, panel, nothing, rows.to, w);
    else product<ADD>(least(DEPTH, s.U - k), rows.from, n, panel + k * W, nullptr, rows.to, w);
  }
}

void forward_team(Plan& p, Team& team, int member) {
  Job& j = p.job;
  const Sizes s(j);
  const Kind kind = j.kind;
  const Share share(j, team, member);
  Memory m(j, team, team.memory);
  Pointers rows(m, team, member);
  const long U = s.U, up = s.up, kept_row = KEPT[kind] * up;
  for (long i = member; i < team.rows; i += team.size) {
    std::memcpy(m.h[0] + i * s.row(), j.h0 + team.row[i] * U, U * 4);
    if (kind == LSTM) std::memcpy(m.c + i * s.row(), j.c0 + team.row[i] * U, U * 4);
  }
  wait_for(team);
  const long at_once = steps_at_once(team.rows);
  for (long k0 = 0; k0 < team.steps; k0 += at_once) {
    const long k1 = least(team.steps, k0 + at_once);
    project(p, share, m, rows, team.first[k0], team.first[k1] - team.first[k0]);
    for (long k = k0; k < k1; k++) {
      const long n = team.active[k], entry = team.first[k];
      float* z = m.z + (entry - team.first[k0]) * m.z_row;
      const float* before = m.h[k % 2];
      float* after = m.h[1 - k % 2];
      // What a row's outputs, states and kept numbers are at one vector of units.
#define ROWS_OF_BLOCK(b)                                                            \
  for (long i = 0; i < n; i++)                                                      \
    for (long u = (b) * W, v = 0; v < 2 && u < up; v++, u += V)
#define AT(slot) (z + i * m.z_row + (slot) * up + u)
#define KEEP(slot, value) if (j.keep) store(j.kept + p.at[entry + i] * kept_row + (slot) * up + u, value)
#define SHOW(value)                                                                 \
  vf shown = value;                                                                 \
  store(after + i * s.row() + u, shown);                                            \
  store(j.h + p.at[entry + i] * U + u, shown, U - u)
      for (long b = share.from; b < share.to; b++) {
        for (long g = 0; g < (kind == GRU ? 2 : s.G); g++) recur(p, m, rows, before, n, g, b, z);
        switch (kind) {
          case LSTM: ROWS_OF_BLOCK(b) {
            float* memory = m.c + i * s.row() + u;
            vf candidate = tanh(load(AT(0))), update = sigmoid(load(AT(1)));
            vf forget = sigmoid(load(AT(2))), output = sigmoid(load(AT(3)));
            vf c = update * candidate + forget * load(memory);
            store(memory, c);
            SHOW(output * tanh(c));
            KEEP(0, candidate); KEEP(1, update); KEEP(2, forget); KEEP(3, output); KEEP(4, c);
          } break;
          case GRU: ROWS_OF_BLOCK(b) {
            vf update = sigmoid(load(AT(0))), relevance = sigmoid(load(AT(1)));
            store(AT(0), update);
            store(m.relevant + i * s.row() + u, relevance * load(before + i * s.row() + u));
            KEEP(0, update); KEEP(1, relevance);
          } break;
          case RESET_AFTER_GRU: ROWS_OF_BLOCK(b) {
            vf update = sigmoid(load(AT(0))), reset = sigmoid(load(AT(1))), remembered = load(AT(3));
            vf candidate = tanh(load(AT(2)) + reset * remembered);
            SHOW(update * load(before + i * s.row() + u) + (1.f - update) * candidate);
            KEEP(0, update); KEEP(1, reset); KEEP(2, candidate); KEEP(3, remembered);
          } break;
          case SIMPLIFIED_GRU: ROWS_OF_BLOCK(b) {
            vf candidate = tanh(load(AT(0))), update = sigmoid(load(AT(1)));
            SHOW(update * candidate + (1.f - update) * load(before + i * s.row() + u));
            KEEP(0, candidate); KEEP(1, update);
          } break;
          default: ROWS_OF_BLOCK(b) { SHOW(tanh(load(AT(0)))); }
        }
      }
      if (kind == GRU) {
        wait_for(team);
        for (long b = share.from; b < share.to; b++) {
          recur(p, m, rows, m.relevant, n, 2, b, z);
          ROWS_OF_BLOCK(b) {
            vf candidate = tanh(load(AT(2))), update = load(AT(0));
            SHOW(update * candidate + (1.f - update) * load(before + i * s.row() + u));
            KEEP(2, candidate);
          }
        }
      }
      wait_for(team);
    }
  }
  for (long i = member; i < team.rows; i += team.size) {  // final states, masked outputs
    const long b = team.row[i];
    const float* last = nullptr;  // the output of the last step that counted
    for (long n = 0; n < j.T; n++) {
      const long at = b * j.row + (j.reverse ? j.T - 1 - n : n) * j.step;
      if (!j.mask || j.mask[at]) last = j.h + at * U;
      else if (last && !j.zero_masked) std::memcpy(j.h + at * U, last, U * 4);
      else std::memset(j.h + at * U, 0, U * 4);
    }
    std::memcpy(j.h_final + b * U, last ? last : j.h0 + b * U, U * 4);
    if (kind == LSTM) std::memcpy(j.c_final + b * U, m.c + i * s.row(), U * 4);
  }
}

void forward(Plan& p, int thread) {
  const Sizes s(p.job);
  const long panels = s.G * s.blocks;
  p.packing.share(panels, [&](long i) { pack(p, i); });
  p.packing.wait(panels);
  with_teams(p, thread, forward_team);
}

#include "gradient.inc"

long memory(const Job& j, const Team& t) {
  static float anywhere;
  return Memory(j, t, &anywhere).total;
}

bool runs_here() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}
}  // namespace

#define NAME_OF(x) #x
#define NAME(x) NAME_OF(x)
extern const Kernels kernels;
const Kernels kernels = {NAME(INSTRUCTIONS), W, runs_here, panels, memory, columns, forward, backward};
}  // namespace INSTRUCTIONS
