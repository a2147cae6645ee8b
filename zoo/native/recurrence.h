// A whole recurrence, forward and backward: what it is given, and how it is divided among threads.
//
// The letters: B sequences of T steps of I inputs, U units. A state is [h] or, of an LSTM, [h, c].
// The kernels are those of `zoo.cells`: columns of gate after gate, in the order of the cell.
#pragma once
#include <atomic>
#include <cstdint>

enum Kind : int { LSTM, GRU, RESET_AFTER_GRU, SIMPLIFIED_GRU, RNN, KINDS };

constexpr int GATES[KINDS] = {4, 3, 3, 2, 1};
// Blocks of units that are kept of a step for the gradient: the gates, then the memory of an LSTM,
// or the product with the state of the GRU with the reset after.
constexpr int KEPT[KINDS] = {5, 3, 4, 2, 0};
// Blocks of the gradient of a step: of the gates, and of that product.
constexpr int GRADIENTS[KINDS] = {4, 3, 4, 2, 1};

inline long padded(long units) { return (units + 15) / 16 * 16; }  // of a block that is our own

struct Job {
  Kind kind;
  int threads;
  int instructions;                // the place of one of KERNELS, or -1 for the best
  long B, T, I, U;
  long row, step;                  // step t of sequence b is at place b * row + t * step
  bool reverse, keep, zero_masked; // from the last step on; for a gradient; output 0 where masked
  bool projected;                  // x is x W + b already; there is no kernel and no bias
  const uint8_t* mask;             // at places, or null
  const float *x, *kernel, *recurrent, *bias;  // (places, I), (I, G U), (U, G U), (G U) or null
  const float *h0, *c0;                        // (B, U)
  float *h, *kept;                 // (places, U), (places, KEPT * padded(U)) or null
  float *h_final, *c_final;        // (B, U)
  // Of the gradient alone. d_h0 and d_c0 hold the gradients of the final states at first.
  const float* d_h;
  float *d_x, *d_kernel, *d_recurrent, *d_bias, *d_h0, *d_c0;
};

// Threads that wait for each other: a step takes microseconds, so they spin first.
struct Barrier {
  std::atomic<int> arrived{0}, turn{0};
  int size = 1;
};
void wait(Barrier& barrier);

// Parts of work that threads take as they come, so that one that comes late delays none.
struct Parts {
  std::atomic<long> next{0}, done{0};
  template <class Work> void share(long n, Work work) {
    for (long i; (i = next.fetch_add(1, std::memory_order_relaxed)) < n;) {
      work(i);
      done.fetch_add(1, std::memory_order_release);
    }
  }
  void wait(long n) const;  // until all are done
};

// Sequences that are run together, by one thread, or by some that have units of their own each.
struct Team {
  int size;            // threads
  long rows, steps;    // sequences, and the most steps that count of one
  const int* row;      // which sequences, those with most steps first
  const long* active;  // of each step: how many sequences have it
  const long* first;   // of each step: the place of its first entry
  Barrier barrier;
  float* memory;
};

// An entry is a step of a sequence that counts; a team's come step by step.
struct Plan {
  Job job;
  int threads;          // at most
  int size;             // of a team, at most
  long teams;
  Team* team;
  long entries;
  const long* at;       // of each entry: its place
  const float** h_row;  // of each entry: the state before it
  const int* held;      // of each entry: how many masked steps repeat it; null where none does
  float *panels, *gradients, *relevant, *columns;
  Parts packing, running, turning, adding;  // what there is to do, one after the other
  std::atomic<int> came{0}, gathered{0};
};

// Runs each team with those threads that are there: `work(team, member)`.
void with_teams(Plan& plan, int thread, void (*work)(Plan&, Team&, int));

struct Kernels {
  const char* name;
  long width;  // of a panel
  bool (*runs_here)();
  long (*panels)(const Job&, bool backward);                   // floats of packed weights
  long (*memory)(const Job&, const Team&);                     // floats of a team's own memory
  long (*columns)(const Job&, long entries);                   // floats of what `weights` packs
  void (*forward)(Plan&, int thread);
  void (*backward)(Plan&, int thread);
};
constexpr int MOST_KERNELS = 3;
extern const Kernels* const KERNELS[MOST_KERNELS];  // the best last; null where not built

void forward(const Job& job);
void backward(const Job& job);
