// Tasks over threads that end with the call: threads that stay would not survive the fork with which Lava starts its
// processes.
#pragma once
#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "run.hpp"

namespace lava_async {

// Calls task(i, interrupt) for i = 0 .. n - 1; the calling thread takes a share, and asks whether to stop. An exception
// of a task ends all and is thrown again here. Returns false if the run was interrupted.
template <class Task>
bool in_threads(int threads, int n, const std::function<bool()>& asked, Task task) {
  std::atomic<bool> stop{false};
  std::atomic<int> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  std::condition_variable ended;
  int running = 0;
  const auto work = [&](Interrupt& interrupt) {
    try {
      for (int i = next++; i < n && !interrupt.raised(); i = next++) task(i, interrupt);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      error = std::current_exception();
      stop = true;
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < std::min(threads, n); i++) {
    const std::lock_guard<std::mutex> lock(mutex);
    try {
      others.emplace_back([&] {
        Interrupt interrupt(stop, {});
        work(interrupt);
        const std::lock_guard<std::mutex> done(mutex);
        running--;
        ended.notify_all();
      });
    } catch (const std::system_error&) {
      break;  // no more threads to be had: those that there are do the work
    }
    running++;
  }
  Interrupt interrupt(stop, asked);
  work(interrupt);
  if (!others.empty()) {
    std::unique_lock<std::mutex> lock(mutex);
    while (!ended.wait_for(lock, std::chrono::milliseconds(50), [&] { return running == 0; })) {
      lock.unlock();
      interrupt.ask();
      lock.lock();
    }
    lock.unlock();
    for (std::thread& t : others) t.join();
  }
  if (error) std::rethrow_exception(error);
  return !stop;
}

}  // namespace lava_async
