#pragma once
// A fixed number of threads with a bounded queue before them: for work that is too long for an I/O
// thread (verifying signatures, reading proofs).

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace witan {

class Workers {
 public:
  using Job = std::function<void()>;

  // `name` is the threads' name as tools show it (15 characters at most). `threads` 0 means one.
  Workers(const std::string& name, unsigned threads, std::size_t queue_max);
  // Runs everything still queued, then ends the threads.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Queues the job; false when the queue is full or stop() was called, and the job is dropped. From
  // any thread. An exception that leaves a job becomes a log line.
  [[nodiscard]] bool submit(Job job);
  // Takes no more jobs, runs those queued, and returns when the threads are gone. Not from a job.
  void stop();

  // Jobs waiting, without those being run.
  [[nodiscard]] std::size_t queued() const;

 private:
  void run();

  const std::string name_;
  const std::size_t queue_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;  // under mutex_
  unsigned sleeping_ = 0;  // under mutex_
  bool stopping_ = false;  // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace witan
