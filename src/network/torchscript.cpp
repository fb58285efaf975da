// What tch does not reach: a trace that returns a tuple, and autocast on the CPU.
// Compiled by build.rs against libtorch's headers; called from ffi.rs alone. No exception leaves a function here:
// an error comes back as a string of malloc, null is success.
#include <ATen/autocast_mode.h>
#include <cstring>
#include <stdexcept>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/fixup_trace_scope_blocks.h>
#include <torch/csrc/jit/passes/normalize_ops.h>

namespace tracer = torch::jit::tracer;

template <typename F> static char *guarded(F f) {
  try {
    f();
    return nullptr;
  } catch (const std::exception &e) {
    return strdup(e.what());
  } catch (...) {
    return strdup("unknown C++ exception");
  }
}

// Begins to record every operation of this thread on `input`.
extern "C" char *lookalike_trace_begin(const at::Tensor *input, torch::jit::Module **out) {
  char *error = guarded([&] {
    if (tracer::isTracing()) throw std::logic_error("a trace is being made already");
    auto module = std::make_unique<torch::jit::Module>("lookalike");
    auto state = std::make_shared<tracer::TracingState>();
    tracer::setTracingState(state);
    state->graph->insertInput(0, "self")->setType(module->_ivalue()->type());
    auto value = state->graph->addInput("images");
    value->setType(torch::jit::TensorType::get());
    state->setValue(*input, value);
    *out = module.release();
  });
  if (error) tracer::abandon();
  return error;
}

// Ends the record; `forward` returns the tuple of these outputs. Saves to `path` and frees the module.
extern "C" char *lookalike_trace_end(torch::jit::Module *module, const at::Tensor *const *outputs, size_t n,
                                     const char *path) {
  std::unique_ptr<torch::jit::Module> owned(module);
  char *error = guarded([&] {
    auto state = tracer::getTracingState();
    if (!state) throw std::logic_error("no trace is being made");
    std::vector<torch::jit::Value *> values;
    for (size_t i = 0; i < n; i++) values.push_back(state->getOutput(*outputs[i], i));
    auto tuple = state->graph->insertNode(state->graph->createTuple(values));
    state->graph->registerOutput(tuple->output());
    torch::jit::FixupTraceScopeBlocks(state->graph, owned.get());
    torch::jit::NormalizeOps(state->graph);
    tracer::setTracingState(nullptr);
    auto function = owned->_ivalue()->compilation_unit()->create_function("forward", state->graph);
    owned->type()->addMethod(function);
    owned->save(path);
  });
  if (error) tracer::abandon();
  return error;
}

// Gives up a trace that was begun.
extern "C" void lookalike_trace_abandon(torch::jit::Module *module) {
  delete module;
  guarded([] { tracer::abandon(); });
}

// Convolutions and matrix products of this thread in bf16 on the CPU, from now on or no longer.
extern "C" char *lookalike_cpu_autocast(bool on) {
  return guarded([&] {
    at::autocast::clear_cache();
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_enabled(at::kCPU, on);
  });
}
