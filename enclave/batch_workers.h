#pragma once
// A few threads that share the work on one batch with the thread that has it.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace witan {

// Calls `work` once with each number below `count`, in any order and from several threads, and
// returns when all calls have. Throws what one of them threw, after the others.
using ForEach =
    std::function<void(std::size_t count, const std::function<void(std::size_t)>& work)>;

// One number after the other, without threads.
void for_each_alone(std::size_t count, const std::function<void(std::size_t)>& work);

// Used by one thread.
class BatchWorkers {
 public:
  // Threads besides the caller's; 0 is allowed.
  explicit BatchWorkers(unsigned helpers);
  ~BatchWorkers();
  BatchWorkers(const BatchWorkers&) = delete;
  BatchWorkers& operator=(const BatchWorkers&) = delete;

  // As ForEach.
  void for_each(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  struct Job {
    std::size_t count = 0;
    const std::function<void(std::size_t)>* work = nullptr;
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::exception_ptr thrown;  // the first; guarded by mutex
  };
  void help();
  static void take_part(Job& job);

  std::mutex mutex_;
  std::condition_variable begun_, left_;
  Job* job_ = nullptr;           // guarded by mutex_
  std::size_t generation_ = 0;   // of job_; guarded by mutex_
  std::size_t taking_part_ = 0;  // helpers at work on job_; guarded by mutex_
  bool ending_ = false;          // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace witan
