// A model for the CPU whose convolutions have their weights in the order that oneDNN reads them, once and not in every
// pass, and take the ReLU and the addition that follow them along. Compiled by build.rs; called from packed.rs alone.
#include "guarded.hpp"
#include <ATen/ATen.h>
#include <stdexcept>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/csrc/jit/serialization/import.h>
#include <unordered_map>

using namespace torch::jit;
using Sizes = std::unordered_map<const Value *, std::vector<int64_t>>;

namespace {
const auto convolution = c10::Symbol::fromQualString("aten::_convolution");
const auto convolution_2d = c10::Symbol::fromQualString("aten::conv2d");
const auto packed_convolution = c10::Symbol::fromQualString("mkldnn::_convolution_pointwise");
const auto packed_convolution_to = c10::Symbol::fromQualString("mkldnn::_convolution_pointwise_");

bool is_convolution(const Node *node) { return node->kind() == convolution || node->kind() == convolution_2d; }

bool is_addition(const Node *node) {
  if (node->kind() != aten::add && node->kind() != aten::add_) return false;
  if (!node->input(0)->type()->cast<TensorType>() || !node->input(1)->type()->cast<TensorType>()) return false;
  auto alpha = toIValue(node->input(2));
  return alpha && alpha->isInt() && alpha->toInt() == 1;
}

// What alone reads this value, if that is a ReLU.
Node *relu_of(Value *value) {
  if (value->uses().size() != 1) return nullptr;
  auto user = value->uses()[0].user;
  return user->kind() == aten::relu || user->kind() == aten::relu_ ? user : nullptr;
}

// The sizes of what convolutions and additions read, seen in a pass over `images`.
Sizes observe(const std::shared_ptr<Graph> &graph, const IValue &self, const at::Tensor &images) {
  auto probe = graph->copy();
  std::vector<const Value *> watched;
  auto there = probe->nodes().begin();
  for (auto node : graph->nodes()) {
    auto copy = *there;
    ++there;
    if (copy->kind() != node->kind()) throw std::logic_error("a copied graph is in another order");
    if (!is_convolution(node) && !is_addition(node)) continue;
    for (size_t i = 0; i < (is_addition(node) ? 2 : 1); i++) {
      watched.push_back(node->input(i));
      probe->registerOutput(copy->input(i));
    }
  }
  Stack stack{self, images};
  InterpreterState(Code(probe, "observe")).run(stack);
  Sizes sizes;
  for (size_t i = 0; i < watched.size(); i++)
    sizes[watched[i]] = stack.at(stack.size() - watched.size() + i).toTensor().sizes().vec();
  return sizes;
}

// How a convolution moves; its weight and bias.
struct Convolution {
  at::Tensor weight;
  IValue bias;
  std::vector<int64_t> stride, padding, dilation;
  int64_t groups;
};

// None for what is not a plain convolution over images with constant weights in f32 or bf16.
std::optional<Convolution> convolution_of(const Node *node) {
  if (!is_convolution(node)) return {};
  std::vector<IValue> arguments;
  for (size_t i = 1; i < node->inputs().size(); i++) {
    auto constant = toIValue(node->input(i));
    if (!constant) return {};
    arguments.push_back(*constant);
  }
  auto plain = node->kind() == convolution_2d;
  if (!arguments.at(0).isTensor() || !arguments.at(2).isIntList() || !arguments.at(3).isIntList()) return {};
  if (!plain && arguments.at(5).toBool()) return {};
  auto weight = arguments[0].toTensor();
  if (weight.dim() != 4 || (weight.scalar_type() != at::kFloat && weight.scalar_type() != at::kBFloat16)) return {};
  return Convolution{weight, arguments[1], arguments[2].toIntVector(), arguments[3].toIntVector(),
                     arguments.at(4).toIntVector(), arguments.at(plain ? 5 : 7).toInt()};
}

// The weights in the order that oneDNN reads them for an input of this size, as a constant before `node`.
Value *pack(Graph &graph, Node *node, const Convolution &c, const std::vector<int64_t> &input) {
  auto weight = at::mkldnn_reorder_conv2d_weight(c.weight.to_mkldnn(), c.padding, c.stride, c.dilation, c.groups,
                                                 at::OptionalIntArrayRef(input));
  auto constant = graph.create(prim::ConstantMKLDNNTensor, 1);
  constant->t_(attr::value, weight);
  return constant->insertBefore(node)->output();
}

// A packed convolution in the place of `node`, whose output it gives, ReLU included where one alone reads that.
// `node` is `convolution` itself or the addition to `other`, in place.
void replace(Graph &graph, Node *convolution, Node *node, Value *other, Sizes &sizes) {
  auto c = *convolution_of(convolution);
  auto relu = relu_of(node->output());
  auto replaced = (relu ? relu : node)->output();
  WithInsertPoint at(node);
  auto weight = pack(graph, node, c, sizes.at(convolution->input(0)));
  auto nothing = graph.insertNode(graph.createList(OptionalType::create(NumberType::get()), {}))->output();
  std::vector<NamedValue> arguments{convolution->input(0), weight, c.bias, c.padding, c.stride, c.dilation, c.groups};
  auto then = [&](IValue value) { arguments.emplace_back(value); };
  if (other) {
    arguments.insert(arguments.begin(), other);
    then(std::string("add"));
    then(1.0);
    then(relu ? IValue(std::string("relu")) : IValue());
  } else {
    then(std::string(relu ? "relu" : "none"));
  }
  arguments.emplace_back(nothing);
  then(std::string());
  auto output = graph.insert(other ? packed_convolution_to : packed_convolution, arguments);
  output->setType(TensorType::get());
  if (auto size = sizes.find(replaced); size != sizes.end()) sizes[output] = size->second;
  replaced->replaceAllUsesWith(output);
}

// Whether nothing reads this value after `node`, and it is no view of what something else may read.
bool is_free_after(Value *value, const Node *node) {
  auto maker = value->node()->kind();
  if (maker != packed_convolution && maker != packed_convolution_to && maker != aten::max_pool2d) return false;
  for (auto &use : value->uses())
    if (use.user != node && (use.user->owningBlock() != node->owningBlock() || use.user->isAfter(node))) return false;
  return true;
}

// Of an addition: a convolution that it alone reads, and a map of the same size that may be overwritten. The convolution
// moves to the addition's place, so nothing else may come to its input before.
std::optional<std::pair<Node *, Value *>> joined(Node *addition, const Sizes &sizes) {
  if (!is_addition(addition) || sizes.at(addition->input(0)) != sizes.at(addition->input(1))) return {};
  for (size_t i = 0; i < 2; i++) {
    auto node = addition->input(i)->node();
    auto other = addition->input(1 - i);
    if (convolution_of(node) && node->output()->uses().size() == 1 && node->input(0)->uses().size() == 1 &&
        is_free_after(other, addition))
      return std::pair{node, other};
  }
  return {};
}

void pack_convolutions(Graph &graph, Sizes sizes) {
  std::vector<Node *> nodes(graph.nodes().begin(), graph.nodes().end());
  // Convolutions that wait for the addition they are joined to.
  auto waits = [](Node *node) {
    return is_convolution(node) && node->output()->uses().size() == 1 &&
           is_addition(node->output()->uses()[0].user);
  };
  auto alone = [&](Node *node) {
    if (convolution_of(node)) replace(graph, node, node, nullptr, sizes);
  };
  for (auto node : nodes) {
    if (!waits(node)) alone(node);
    if (!is_addition(node)) continue;
    // Of two convolutions the first is added to what the second gives.
    if (convolution_of(node->input(0)->node())) alone(node->input(1)->node());
    if (auto found = joined(node, sizes)) {
      replace(graph, found->first, node, found->second, sizes);
    } else {
      alone(node->input(0)->node());
      alone(node->input(1)->node());
    }
  }
  EliminateDeadCode(graph.block());
}
} // namespace

// Loads a model for the CPU. `reason`: why it runs as it is, where it cannot be packed; null where it is packed.
extern "C" char *lookalike_packed_load(const char *path, int64_t side, Module **out, char **reason) {
  return guarded([&] {
    auto module = std::make_unique<Module>(load(path, at::kCPU));
    module->eval();
    *reason = guarded([&] {
      at::NoGradGuard no_grad;
      auto frozen = freeze(*module);
      auto graph = frozen.get_method("forward").graph();
      Inline(*graph);
      if (graph->inputs().size() != 2) throw std::invalid_argument("forward takes something besides images");
      auto sizes = observe(graph, frozen._ivalue(), at::zeros({1, 3, side, side}));
      pack_convolutions(*graph, sizes);
      *module = frozen;
    });
    *out = module.release();
  });
}

// Runs `forward`; `put` is handed each tensor of the answer in order.
extern "C" char *lookalike_packed_forward(Module *module, const at::Tensor *images, void *to,
                                          void (*put)(void *, at::Tensor *)) {
  return guarded([&] {
    auto answer = module->forward({*images});
    if (answer.isTensor()) return put(to, new at::Tensor(answer.toTensor()));
    if (!answer.isTuple()) throw std::invalid_argument("forward gives neither a tensor nor a tuple of tensors");
    for (auto &part : answer.toTupleRef().elements()) put(to, new at::Tensor(part.toTensor()));
  });
}

extern "C" void lookalike_packed_free(Module *module) { delete module; }
