// What tch does not reach: a trace that returns a tuple, a module of quantised convolutions, and autocast in bf16.
// Compiled by build.rs against libtorch's headers; called from mod.rs alone.
#include "guarded.hpp"
#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <stdexcept>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/passes/fixup_trace_scope_blocks.h>
#include <torch/csrc/jit/passes/normalize_ops.h>
#include <torch/version.h>

namespace tracer = torch::jit::tracer;

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

// Convolutions and matrix products of this thread in bf16, on the CPU or on GPUs, from now on or no longer.
extern "C" char *lookalike_autocast(bool gpu, bool on) {
  return guarded([&] {
    auto device = gpu ? at::kCUDA : at::kCPU;
    at::autocast::clear_cache();
    at::autocast::set_autocast_dtype(device, at::kBFloat16);
    at::autocast::set_autocast_enabled(device, on);
  });
}

// Quantised convolutions run through oneDNN from now on, in the whole process: the only engine of libtorch that adds the
// residual within the convolution. To be called before such a module is made or loaded.
extern "C" char *lookalike_quantised_engine() {
  return guarded([] { at::globalContext().setQEngine(at::QEngine::ONEDNN); });
}

// An empty module, to be filled by the next three and ended by `lookalike_script_save` or `lookalike_script_abandon`.
extern "C" char *lookalike_script_begin(torch::jit::Module **out) {
  return guarded([&] { *out = new torch::jit::Module("lookalike"); });
}

extern "C" char *lookalike_script_tensor(torch::jit::Module *module, const char *name, const at::Tensor *tensor) {
  return guarded([&] { module->register_buffer(name, *tensor); });
}

// Packs a quantised convolution of square stride and padding. `weight` is qint8, quantised by output channel.
extern "C" char *lookalike_script_convolution(torch::jit::Module *module, const char *name, const at::Tensor *weight,
                                              const at::Tensor *bias, int64_t stride, int64_t padding, int64_t groups) {
  return guarded([&] {
    auto prepack = c10::Dispatcher::singleton().findSchemaOrThrow("quantized::conv2d_prepack", "");
    auto pair = [](int64_t n) { return c10::List<int64_t>({n, n}); };
    torch::jit::Stack stack;
    torch::jit::push(stack, *weight, std::optional<at::Tensor>(*bias), pair(stride), pair(padding), pair(1), groups);
    prepack.callBoxed(stack);
    auto packed = stack.back();
    module->register_attribute(name, packed.type(), packed);
  });
}

namespace {
// In a module's source `torch` and `quantized` are libtorch's operators of these names.
struct Operators : torch::jit::Resolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(const std::string &name, torch::jit::GraphFunction &,
                                                         const torch::jit::SourceRange &) override {
    if (name == "torch") return std::make_shared<torch::jit::BuiltinModule>("aten");
    if (name == "quantized") return std::make_shared<torch::jit::BuiltinModule>("quantized");
    return nullptr;
  }
  torch::jit::TypePtr resolveType(const std::string &, const torch::jit::SourceRange &) override { return nullptr; }
};
} // namespace

// Defines the methods of `source`, saves to `path` and frees the module.
extern "C" char *lookalike_script_save(torch::jit::Module *module, const char *source, const char *path) {
  std::unique_ptr<torch::jit::Module> owned(module);
  return guarded([&] {
    owned->define(source, std::make_shared<Operators>());
    owned->eval();
    owned->save(path);
  });
}

extern "C" void lookalike_script_abandon(torch::jit::Module *module) { delete module; }

// Of the headers; tch sees to it that the libraries are of the same.
extern "C" const char *lookalike_torch_version() { return TORCH_VERSION; }
