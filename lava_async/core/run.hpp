// What a run is told and what it tells, as plain numbers; the same on all instruction sets.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <type_traits>
#include <vector>

#include "memory.hpp"
#include "order.hpp"

namespace lava_async {

enum class Status { DONE, LIMIT_REACHED, NOT_PENDING, TOO_WIDE, STUCK, INTERRUPTED };

// A recorded group of `replay`: sources[begin .. end - 1] are picked in forward step k of time step t.
struct ReplayGroup {
  int64_t t;
  int32_t k, begin, end;
};

// How a network runs: lava_async.Execution, and the dropouts of training.
struct Rules {
  Order order;
  bool layered = false, replay = false;
  int group_size = 1;
  int extra_steps = -1;  // after the first output; -1: go on
  int limit = 1;
  bool truncate = false, refractory = true, input_first = true;
  double refractory_dropout = 0;
  int margin = 0;        // spikes by which the best output leads when a sample ends; 0: it does not
  bool at_step = false;  // look for the margin at the ends of time steps only
  uint64_t seed = 0;
  std::vector<ReplayGroup> groups;  // ascending
  std::vector<int32_t> sources;
};

struct Tally {
  int64_t operations = 0, updates = 0, dropped = 0;
};

// Where a run failed.
struct Failure {
  Status status = Status::DONE;
  int64_t sample = 0, t = 0;
  int k = 0, source = 0;
};

// What is recorded if asked; grows as it is filled.
template <class Num>
struct Record {
  bool groups = false, trace = false;
  std::vector<int64_t> group_t, check_t;
  std::vector<int32_t> group_k, group_size, ids, check_k, fired, n_fired;
  std::vector<Num> u, v;    // (checks, N)
  std::vector<Num> fields;  // (checks, F, N) of networks of any models
};

// Tells the threads of a run whether it shall end. One of them, the calling one, asks now and then.
class Interrupt {
 public:
  Interrupt(std::atomic<bool>& stop, std::function<bool()> asked) : stop_(stop), asked_(std::move(asked)) {}

  // Cheap enough to be called in every forward step.
  bool raised() {
    if (++calls_ % 8 == 0 && asked_) ask();
    return stop_.load(std::memory_order_relaxed);
  }
  bool ask() {
    const auto now = std::chrono::steady_clock::now();
    if (asked_ && now - last_ >= std::chrono::milliseconds(50)) {
      last_ = now;
      if (asked_()) stop_ = true;
    }
    return stop_;
  }

 private:
  std::atomic<bool>& stop_;
  std::function<bool()> asked_;
  unsigned calls_ = 0;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// The numbers in which users hold the state of a neuron: integers have 64 bits, whatever they are computed in.
template <class Num>
using StateOf = std::conditional_t<std::is_integral_v<Num>, int64_t, Num>;

// One sample: input, state (carried on in place), results.
template <class Num, class Real>
struct Sample {
  int64_t number = 0, t0 = 0;
  int n_steps = 0;
  const int32_t* channel = nullptr;
  const int32_t* count = nullptr;          // nullptr: all 1
  const int64_t* start = nullptr;          // (T + 1,)
  StateOf<Num>*u = nullptr, *v = nullptr;  // (N,)
  bool from_rest = true;                   // whether the state is 0 before, and not read
  const int32_t* history = nullptr;        // (n_history, N) spike counts of the time steps before
  const int32_t* inputs = nullptr;         // (n_inputs_before, C)
  int n_history = 0, n_inputs_before = 0;
  // Of networks of any models: payloads of the input (E,), sent in the time steps before by neurons (n_history, N) and
  // input channels (n_inputs_before, C); states (F, N) and time steps to be held (N,); what neurons send (T, N).
  const Num *payload = nullptr, *sent_before = nullptr, *inputs_before = nullptr;
  const Num* factor = nullptr;  // (N,) as in Batch
  Num *fields = nullptr, *sent = nullptr;
  int32_t* held = nullptr;
  int32_t* counts = nullptr;     // (T, N), or nullptr
  Real* wanted = nullptr;        // (T, n_wanted) counts of some neurons, or nullptr
  uint8_t* premature = nullptr;  // (T, n_wanted) whether they fired prematurely, or nullptr
  int first_wanted = 0, n_wanted = 0;
  int32_t* forward_steps = nullptr;  // (T,)
  int32_t* first_output = nullptr;   // (T,)
  int32_t* totals = nullptr;         // (outputs,) their spikes in the sample so far, carried on in place; or nullptr
  int32_t* decided = nullptr;        // time steps after which the sample was decided, 0: not yet; carried on in place
  Tally tally;
  Record<Num>* record = nullptr;
};

// Times of one sample, of timed execution; as in TimedResults.
struct TimedSample {
  int64_t *step_ps, *first_output_ps, *decided_ps;
};

}  // namespace lava_async
