// What Python calls: a network laid out for one arithmetic and one instruction set. No type here depends on either.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gradient.hpp"
#include "layout.hpp"
#include "run.hpp"

namespace lava_async {

// Numbers of users, of one of four types.
struct Values {
  enum Type { FLOAT32, FLOAT64, INT32, INT64 } type;
  const void* data;
};

// What a list of spikes reaches: the largest channel (as if without sign), the largest and the smallest count; 1 and 0
// if there are none.
struct SpikeRange {
  uint32_t channel = 0;
  int32_t most = 1, least = 0;
};

// The samples of a call; arrays as in lava_async.spikes.SpikeBatch.
struct Batch {
  int n = 0, n_steps = 0;
  int64_t t0 = 0;
  const int64_t* samples = nullptr;  // (n,)
  const int32_t* channel = nullptr;
  const int32_t* count = nullptr;    // nullptr: all 1
  const int64_t* start = nullptr;    // (n, T + 1)
  int largest_payload = 1;           // of `count`, without sign
  const int32_t* history = nullptr;  // (n, n_history, N)
  const int32_t* inputs = nullptr;   // (n, n_inputs_before, C)
  int n_history = 0, n_inputs_before = 0;
  bool from_rest = true;  // whether all begin with a state of 0: then it is not read
  // Of networks of any models, in the type of the arithmetic: payloads of the entries (E,), and what was sent before,
  // (n, n_history, N) and (n, n_inputs, C).
  const void *payload = nullptr, *sent_before = nullptr, *inputs_payload = nullptr;
  // Neuron dropout, in the type of the arithmetic: (n, N) what a neuron's messages are multiplied by, in units of
  // 2^-payload_bits; or nullptr.
  const void* factor = nullptr;
};

// Arrays that are filled; u and v, StateOf the arithmetic, are carried on in place.
struct Results {
  void *u = nullptr, *v = nullptr;                            // (n, N)
  int32_t* counts = nullptr;                                  // (n, T, N), or nullptr
  int32_t *forward_steps = nullptr, *first_output = nullptr;  // (n, T)
  int64_t* tally = nullptr;                                   // (n, 3) operations, updates, dropped
  int32_t *totals = nullptr, *decided = nullptr;              // (n, outputs), (n,) as in Sample, or nullptr
  void* wanted = nullptr;        // (n, T, n_wanted) counts of some neurons as numbers of the gradient, or nullptr
  uint8_t* premature = nullptr;  // (n, T, n_wanted) as in Sample, or nullptr
  int first_wanted = 0, n_wanted = 0;
  // Of networks of any models: states (n, F, N) and time steps to be held (n, N), carried on in place; payloads
  // (n, T, N).
  void *fields = nullptr, *sent = nullptr;
  int32_t* held = nullptr;
};

// What a sample recorded; u and v as int64 or float32.
struct Recording {
  bool groups = false, trace = false;
  std::vector<int64_t> group_t, check_t;
  std::vector<int32_t> group_k, group_size, ids, check_k, fired, n_fired;
  std::vector<int64_t> integers_u, integers_v;
  std::vector<float> floats_u, floats_v;
  std::vector<int64_t> integers_fields;
  std::vector<float> floats_fields;
};

// A chip, for timed execution (semantics, section 7); times in picoseconds.
struct Machine {
  struct Times {
    int64_t synaptic_operation, active_update, inactive_update, emission, message, arrival, barrier;
  } times;
  int n_cores = 0;
  const int64_t* core_of = nullptr;  // (N,)
  const int64_t* way = nullptr;      // (cores, cores)
  bool replaying = false;
  const int64_t* replay = nullptr;  // (R, 3) t, source, core of recorded messages; -1: unknown
  int64_t n_replay = 0;
};
struct TimedResults {
  int64_t *step_ps = nullptr, *first_output_ps = nullptr;  // (n, T)
  int64_t* decided_ps = nullptr;  // (n,) when the output that decided had emitted in its time step; -1: none has
};

// Gradients that are filled, in the types and shapes of what they belong to; nullptr: not wanted.
struct GradientResults {
  std::vector<void*> weights;                                                  // one per set of synapses
  void *keep_u = nullptr, *keep_v = nullptr, *vth = nullptr, *bias = nullptr;  // (N,)
  void* input = nullptr;                                                       // (n, T, C)
  void* number = nullptr;  // (MOST_NUMBERS, N) of networks of any models, in the order of the names of each model
};

// A run that can be differentiated.
class DifferentiableRun {
 public:
  virtual ~DifferentiableRun() = default;
  // `derivative` (n, T, n_wanted) by the counts that were wanted.
  virtual Status backward(const Batch&, const void* derivative, const GradientResults&, int threads,
                          const std::function<bool()>& asked) = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string instruction_set() const = 0;
  virtual SpikeRange range_of(const int32_t* channel, const int32_t* count, int64_t n) const = 0;
  // (N,) each; `unit`: what a weight of 1 adds.
  virtual void set_neurons(const double* keep_u, const double* keep_v, const double* vth, const double* bias,
                           const double* unit) = 0;
  virtual void set_weights(int synapses, Values) = 0;
  // Of networks of any models: the model of a layer. `numbers`: by name, (n,) each, in the type of the arithmetic.
  struct LayerModel {
    std::string name;
    std::vector<std::pair<std::string, const void*>> numbers;
    std::vector<std::string> state;
    const int32_t *refractory_steps, *sync_threshold;  // (n,)
  };
  // Returns whether there is a model of this name with these numbers and this state.
  virtual bool set_model(int layer, const LayerModel&) = 0;
  virtual bool is_differentiable(int layer) const = 0;
  virtual void set_units(const double* unit) = 0;  // (N,) what a weight of 1 adds to each neuron
  // After all is set: bounds of what runs may reach.
  virtual void prepare() = 0;
  // The largest payload that a run may have here (1 << 30: any).
  virtual int largest_payload() const = 0;

  virtual Failure run(const Rules&, const Batch&, const Results&, Recording*, int threads,
                      const std::function<bool()>& asked) = 0;
  virtual Failure run_timed(const Rules&, const Machine&, const Batch&, const Results&, const TimedResults&, Recording*,
                            std::vector<int64_t>* log, int threads, const std::function<bool()>& asked) = 0;

  // Runs with other numbers than those that were set, in units of the gradient: a state of 1 is `scale` of the
  // engine's, a weight of 1 `weight_scale`. On a machine: timed. Returns the run, or says which weight does not fit
  // (synapses, index).
  struct Parameters {
    std::vector<const void*> weights;                  // one per set of synapses, in the type of the gradient
    const void *keep_u, *keep_v, *vth, *bias, *a, *b;  // (N,) each, alike
    double scale = 1, weight_scale = 1;
    // Of networks of any models, instead of keep_u .. bias and scale: the numbers of each model (MOST_NUMBERS, N), in
    // units of the gradient and as the engine computes with them; what units of states and payloads are (N,); and by
    // layer whether its surrogate is an arctangent.
    const void *number = nullptr, *exact = nullptr, *state_unit = nullptr, *payload_unit = nullptr;
    std::vector<bool> arctangent;
    int payload_bits = 0;  // of payloads, those of the input too, that are below 1
  };
  struct Unfit {
    int synapses = -1;
    size_t index = 0;
  };
  virtual std::shared_ptr<DifferentiableRun> record(const Rules&, const GradientRules&, const Parameters&,
                                                    const Machine*, const Batch&, const Results&, int threads,
                                                    const std::function<bool()>& asked, Failure&, Unfit&) = 0;
};

enum class Arithmetic { FLOAT32, FLOAT64, INT32, INT64 };
// Which networks an engine runs: current-based neurons that reset to zero, or any models.
enum class Scope { CUBA, ANY };

// The instruction sets that this machine runs, the best first; and an engine for one of them.
std::vector<std::string> instruction_sets();
std::unique_ptr<Engine> make_engine(std::shared_ptr<const Layout>, Arithmetic, Scope, bool double_gradient,
                                    const std::string& instruction_set);

}  // namespace lava_async
