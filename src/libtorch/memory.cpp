// Memory for tensors on the CPU, kept for the next of its size. libtorch gives every large tensor back to the system and
// takes it anew: a training step then spends a third of its time on page faults. Called from memory.rs alone.
#include "guarded.hpp"
#include <algorithm>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <cstdlib>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <unordered_map>
#include <vector>

namespace {
constexpr size_t LINE = 64, LARGE = 64 << 10, HUGE_PAGE = 2 << 20;

// Eight sizes between a power of two and the next: an eighth is wasted at the most, and few sizes are told apart.
size_t rounded(size_t bytes) {
  size_t step = LINE;
  while (step * 16 <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

class Kept final : public c10::Allocator {
public:
  c10::DataPtr allocate(size_t bytes) override {
    void *data = bytes ? take(rounded(bytes)) : nullptr;
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void *to, const void *from, size_t bytes) const override { default_copy_data(to, from, bytes); }

  // Gives idle memory back: the sizes that come next are others.
  void forget() {
    std::lock_guard<std::mutex> guard(lock);
    for (auto &[bytes, blocks] : idle) {
      for (void *block : blocks) std::free(block);
    }
    idle.clear();
    resting = 0;
  }

  static Kept &one();

private:
  static void release(void *data) { one().put(data); }

  void *take(size_t bytes) {
    if (bytes >= LARGE) {
      std::lock_guard<std::mutex> guard(lock);
      used += bytes;
      most = std::max(most, used);
      auto &blocks = idle[bytes];
      if (!blocks.empty()) {
        void *data = blocks.back();
        blocks.pop_back();
        resting -= bytes;
        sizes[data] = bytes;
        return data;
      }
    }
    void *data = nullptr;
    if (posix_memalign(&data, bytes >= HUGE_PAGE ? HUGE_PAGE : LINE, bytes)) throw std::bad_alloc();
    if (bytes >= HUGE_PAGE) madvise(data, bytes, MADV_HUGEPAGE);
    if (bytes >= LARGE) {
      std::lock_guard<std::mutex> guard(lock);
      sizes[data] = bytes;
    }
    return data;
  }

  // What is not known here is small, or older than this allocator: both are of malloc.
  void put(void *data) {
    if (!data) return;
    {
      std::lock_guard<std::mutex> guard(lock);
      auto known = sizes.find(data);
      if (known != sizes.end()) {
        size_t bytes = known->second;
        sizes.erase(known);
        used -= bytes;
        if (resting + bytes <= most) { // no more rests than was ever in use at once
          idle[bytes].push_back(data);
          resting += bytes;
          return;
        }
      }
    }
    std::free(data);
  }

  std::mutex lock;
  std::unordered_map<size_t, std::vector<void *>> idle;
  std::unordered_map<void *, size_t> sizes;
  size_t used = 0, most = 0, resting = 0;
};

Kept &Kept::one() {
  static Kept *kept = new Kept; // never ends: tensors may outlive every static
  return *kept;
}
} // namespace

// From now on tensors on the CPU come from here; with `forget`, what rests is given back.
extern "C" char *lookalike_keep_memory(bool forget) {
  return guarded([&] {
    static bool once = (c10::SetCPUAllocator(&Kept::one(), /*priority=*/100), true);
    (void)once;
    if (forget) Kept::one().forget();
  });
}
