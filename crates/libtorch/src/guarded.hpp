// No exception leaves a function called from Rust: an error comes back as a string of malloc, null is success.
#pragma once
#include <cstring>
#include <exception>

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
