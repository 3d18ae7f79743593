// Memory that begins with a cache line (a vector that reaches over two lines costs twice) and keeps what it has when it
// grows. Arrays of one type only: nothing here is read as another type than it was written.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace lava_async {

template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(size_t n, T value = T{}) {
    reserve(n);
    for (size_t i = 0; i < size_; i++) data_[i] = value;
  }
  Array(Array&& other) noexcept { swap(other); }
  Array& operator=(Array&& other) noexcept {
    swap(other);
    return *this;
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { std::free(data_); }

  // Room for at least n entries; new ones are not initialised.
  void reserve(size_t n) {
    if (n <= size_) return;
    const size_t size = n > 2 * size_ ? n : 2 * size_;
    if (size > (SIZE_MAX >> 1) / sizeof(T)) throw std::bad_alloc();
    T* data = static_cast<T*>(std::aligned_alloc(LINE, (size * sizeof(T) + 2 * LINE - 1) / LINE * LINE));
    if (!data) throw std::bad_alloc();
    if (size_) std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(T));
    std::free(data_);
    data_ = data;
    size_ = size;
  }
  void fill(T value) {
    for (size_t i = 0; i < size_; i++) data_[i] = value;
  }
  void swap(Array& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  size_t size() const { return size_; }
  T* get() { return data_; }
  const T* get() const { return data_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  static constexpr size_t LINE = 64;
  T* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace lava_async
