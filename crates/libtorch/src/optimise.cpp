// Steps over all parameters at once, in libtorch's fused kernels: tch has no functions over lists of tensors. Called from
// optimise.rs alone.
#include "guarded.hpp"
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace {
std::vector<at::Tensor> list(const at::Tensor *const *tensors, size_t n) {
  std::vector<at::Tensor> all;
  all.reserve(n);
  for (size_t i = 0; i < n; i++) all.push_back(*tensors[i]);
  return all;
}

// A parameter that a loss did not touch has no gradient yet: it is zero, so that its momentum goes on as it would later.
std::vector<at::Tensor> gradients(const std::vector<at::Tensor> &parameters) {
  std::vector<at::Tensor> all;
  for (const auto &p : parameters) {
    if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
    all.push_back(p.grad());
  }
  return all;
}
} // namespace

// Forgets the gradients: the next backward pass makes them anew, which costs less than adding to zeros.
extern "C" char *lookalike_forget_gradients(const at::Tensor *const *parameters, size_t n) {
  return guarded([&] {
    for (size_t i = 0; i < n; i++) parameters[i]->mutable_grad() = at::Tensor();
  });
}

// Scales the gradients so that the norm over all of them is `most` or less.
extern "C" char *lookalike_clip_gradients(const at::Tensor *const *parameters, size_t n, double most) {
  return guarded([&] {
    at::NoGradGuard guard;
    auto all = gradients(list(parameters, n));
    auto norm = at::stack(at::_foreach_norm(all, 2)).norm();
    at::_foreach_mul_(all, (most / (norm + 1e-6)).clamp_max(1.0));
  });
}

extern "C" char *lookalike_sgd(const at::Tensor *const *parameters, const at::Tensor *const *momenta, size_t n,
                               double lr, double decay) {
  return guarded([&] {
    at::NoGradGuard guard;
    auto p = list(parameters, n);
    auto g = gradients(p);
    auto m = list(momenta, n);
    at::_fused_sgd_(p, g, m, decay, 0.9, lr, 0.0, /*nesterov=*/true, /*maximize=*/false, /*is_first_step=*/false);
  });
}

// `steps` are the updates made before this one.
extern "C" char *lookalike_adamw(const at::Tensor *const *parameters, const at::Tensor *const *first,
                                 const at::Tensor *const *second, size_t n, double steps, double lr, double decay) {
  return guarded([&] {
    at::NoGradGuard guard;
    auto p = list(parameters, n);
    auto g = gradients(p);
    auto m = list(first, n), v = list(second, n);
    std::vector<at::Tensor> t;
    for (const auto &x : p) t.push_back(at::full({}, steps + 1, x.options()));
    at::_fused_adamw_(p, g, m, v, {}, t, lr, 0.9, 0.999, decay, 1e-8, /*amsgrad=*/false, /*maximize=*/false);
  });
}

// target += weight · (source − target), for each pair.
extern "C" char *lookalike_lerp(const at::Tensor *const *targets, const at::Tensor *const *sources, size_t n,
                                double weight) {
  return guarded([&] {
    at::NoGradGuard guard;
    at::_foreach_lerp_(list(targets, n), list(sources, n), weight);
  });
}
