// The operations of TensorFlow, by its C API alone.
#include <cstring>
#include <string>
#include <vector>

#include "recurrence.h"
#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

namespace {
using Shape = std::vector<int64_t>;
// What is kept has no gradient, and TensorFlow makes no zeros for that of integers.
constexpr TF_DataType KEPT_TYPE = TF_INT32;

const char* const INPUTS[] = {"inputs", "kernel", "recurrent kernel", "bias", "initial state", "initial memory",
                              "mask", "outputs", "kept", "gradient of outputs", "gradient of final state",
                              "gradient of final memory"};

std::string text(const Shape& shape) {
  std::string dims;
  for (auto d : shape) dims += (dims.empty() ? "" : ", ") + std::to_string(d);
  return "(" + dims + ")";
}

struct Attributes { int32_t kind = 0, threads = 1, instructions = -1; TF_Bool reverse = 0, keep = 0, zero_masked = 0, time_major = 0; };

void* create(TF_OpKernelConstruction* c) {
  auto* a = new Attributes;
  TF_Status* s = TF_NewStatus();
  TF_OpKernelConstruction_GetAttrInt32(c, "kind", &a->kind, s);
  TF_OpKernelConstruction_GetAttrInt32(c, "threads", &a->threads, s);
  TF_OpKernelConstruction_GetAttrInt32(c, "instructions", &a->instructions, s);
  TF_OpKernelConstruction_GetAttrBool(c, "reverse", &a->reverse, s);
  TF_OpKernelConstruction_GetAttrBool(c, "keep", &a->keep, s);
  TF_OpKernelConstruction_GetAttrBool(c, "zero_masked", &a->zero_masked, s);
  TF_OpKernelConstruction_GetAttrBool(c, "time_major", &a->time_major, s);
  if (TF_GetCode(s) == TF_OK && (a->kind < 0 || a->kind >= KINDS)) TF_SetStatus(s, TF_INVALID_ARGUMENT, "kind");
  if (TF_GetCode(s) != TF_OK) TF_OpKernelConstruction_Failure(c, s);
  TF_DeleteStatus(s);
  return a;
}
void destroy(void* a) { delete (Attributes*)a; }

// The tensors of a call, and the first thing that is wrong with them.
struct Call {
  TF_OpKernelContext* context;
  TF_Status* status = TF_NewStatus();
  std::vector<TF_Tensor*> tensors;
  explicit Call(TF_OpKernelContext* c) : context(c) {}
  ~Call() {
    if (TF_GetCode(status) != TF_OK) TF_OpKernelContext_Failure(context, status);
    for (auto* t : tensors) TF_DeleteTensor(t);
    TF_DeleteStatus(status);
  }
  bool fine() const { return TF_GetCode(status) == TF_OK; }
  TF_Tensor* input(int i) {
    TF_Tensor* t = nullptr;
    if (fine()) TF_GetInput(context, i, &t, status);
    if (t) tensors.push_back(t);
    return fine() ? t : nullptr;
  }
  Shape shape(int i) {
    Shape dims;
    if (TF_Tensor* t = input(i))
      for (int d = 0; d < TF_NumDims(t); d++) dims.push_back(TF_Dim(t, d));
    return dims;
  }
  // An input of a shape; null where it may be left out, and has no elements.
  const void* data(int i, const Shape& expected, bool optional = false) {
    TF_Tensor* t = input(i);
    if (!t || (optional && TF_TensorElementCount(t) == 0)) return nullptr;
    if (shape(i) != expected && fine())
      TF_SetStatus(status, TF_INVALID_ARGUMENT,
                   (std::string(INPUTS[i]) + ": shape " + text(shape(i)) + ", expected " + text(expected)).c_str());
    return fine() ? TF_TensorData(t) : nullptr;
  }
  const float* floats(int i, const Shape& expected, bool optional = false) {
    return (const float*)data(i, expected, optional);
  }
  float* output(int i, const Shape& dims, TF_DataType type = TF_FLOAT) {
    if (!fine()) return nullptr;
    int64_t n = 4;
    for (auto d : dims) n *= d;
    TF_Tensor* t = TF_AllocateOutput(context, i, type, dims.data(), dims.size(), n, status);
    if (t) tensors.push_back(t);
    return t && fine() ? (float*)TF_TensorData(t) : nullptr;
  }
  float* copy(int i, int of, const Shape& dims) {
    const float* from = floats(of, dims);
    float* to = output(i, dims);
    int64_t n = 4;
    for (auto d : dims) n *= d;
    if (to && from) std::memcpy(to, from, n);
    return to;
  }
};

// The inputs that both operations have: x, kernel, recurrent, bias, h0, c0, mask.
struct Given {
  Job job = {};
  Shape x, states, memories, kernel, recurrent, bias, outputs;
  Given(Call& c, const Attributes& a) {
    x = c.shape(0), recurrent = c.shape(2), states = c.shape(4);
    job.kind = (Kind)a.kind;
    const int64_t G = GATES[job.kind];
    if (x.size() != 3 || recurrent.size() != 2 || states.size() != 2 || recurrent[1] != G * recurrent[0]) {
      if (c.fine()) TF_SetStatus(c.status, TF_INVALID_ARGUMENT, "ranks or numbers of columns");
      return;
    }
    job.threads = a.threads, job.instructions = a.instructions;
    job.reverse = a.reverse, job.keep = a.keep, job.zero_masked = a.zero_masked;
    const bool t = a.time_major;
    job.B = x[t], job.T = x[!t], job.I = x[2], job.U = recurrent[0];
    job.row = t ? 1 : job.T, job.step = t ? job.B : 1;
    states = {job.B, job.U}, memories = job.kind == LSTM ? states : Shape{0, 0};
    kernel = {job.I, G * job.U}, bias = {G * job.U}, outputs = {x[0], x[1], job.U};
    job.x = c.floats(0, x);
    job.kernel = c.floats(1, kernel, true);
    job.projected = !job.kernel && job.I;
    if (c.fine() && job.projected && job.I != G * job.U)
      TF_SetStatus(c.status, TF_INVALID_ARGUMENT, "columns of what is projected");
    job.recurrent = c.floats(2, recurrent);
    job.bias = c.floats(3, bias, true);
    job.h0 = c.floats(4, states);
    job.c0 = c.floats(5, memories);
    job.mask = (const uint8_t*)c.data(6, {x[0], x[1]}, true);
    if (job.projected) kernel = {0, 0};
    if (!job.bias) bias = {0};
  }
  Shape kept() const { return {job.B * job.T, KEPT[job.kind] * padded(job.U)}; }
};

void compute(void* attributes, TF_OpKernelContext* context) {
  const auto& a = *(Attributes*)attributes;
  Call c(context);
  Given g(c, a);
  if (!c.fine()) return;
  g.job.h = c.output(0, g.outputs);
  g.job.kept = c.output(1, a.keep ? g.kept() : Shape{0, 0}, KEPT_TYPE);
  g.job.h_final = c.output(2, g.states);
  g.job.c_final = c.output(3, g.memories);
  if (c.fine()) forward(g.job);
}

void compute_gradient(void* attributes, TF_OpKernelContext* context) {
  Call c(context);
  Given g(c, *(Attributes*)attributes);
  if (!c.fine()) return;
  g.job.h = (float*)c.floats(7, g.outputs);
  g.job.kept = (float*)c.floats(8, g.kept());
  g.job.d_h = c.floats(9, g.outputs);
  g.job.d_x = c.output(0, g.x);
  g.job.d_kernel = c.output(1, g.kernel);
  g.job.d_recurrent = c.output(2, g.recurrent);
  g.job.d_bias = g.job.bias ? c.output(3, g.bias) : (c.output(3, g.bias), nullptr);
  g.job.d_h0 = c.copy(4, 10, g.states);
  g.job.d_c0 = c.copy(5, 11, g.memories);
  if (c.fine()) backward(g.job);
}

void unknown(TF_ShapeInferenceContext* c, TF_Status* s) { TF_ShapeInferenceContextSetUnknownShape(c, s); }

void add(const char* name, const std::vector<const char*>& inputs, const std::vector<const char*>& outputs,
         void (*compute)(void*, TF_OpKernelContext*)) {
  TF_Status* s = TF_NewStatus();
  auto* op = TF_NewOpDefinitionBuilder(name);
  for (auto* i : {"x: float", "kernel: float", "recurrent: float", "bias: float", "h0: float", "c0: float",
                  "mask: bool"})
    TF_OpDefinitionBuilderAddInput(op, i);
  for (auto* i : inputs) TF_OpDefinitionBuilderAddInput(op, i);
  for (auto* o : outputs) TF_OpDefinitionBuilderAddOutput(op, o);
  for (auto* a : {"kind: int", "threads: int = 1", "instructions: int = -1", "reverse: bool = false",
                  "keep: bool = false", "zero_masked: bool = false", "time_major: bool = false"})
    TF_OpDefinitionBuilderAddAttr(op, a);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, unknown);
  TF_RegisterOpDefinition(op, s);
  TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", create, compute, destroy), s);
  TF_DeleteStatus(s);
}
const bool added = [] {
  add("ZooRecurrence", {}, {"h: float", "kept: int32", "h_final: float", "c_final: float"}, compute);
  add("ZooRecurrenceGradient", {"h: float", "kept: int32", "d_h: float", "d_h_final: float", "d_c_final: float"},
      {"d_x: float", "d_kernel: float", "d_recurrent: float", "d_bias: float", "d_h0: float", "d_c0: float"}, compute_gradient);
  return true;
}();
}  // namespace
