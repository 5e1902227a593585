#include "node/workers.h"

#include <algorithm>
#include <exception>
#include <pthread.h>
#include <utility>

#include "node/log.h"

namespace witan {

Workers::Workers(const std::string& name, unsigned threads, std::size_t queue_max)
    : name_(name.substr(0, 15)), queue_max_(queue_max) {
  for (unsigned i = 0; i < std::max(threads, 1u); ++i) {
    threads_.emplace_back([this] { run(); });
    pthread_setname_np(threads_.back().native_handle(), name_.c_str());
  }
}

Workers::~Workers() {
  stop();
}

bool Workers::submit(Job job) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_max_) return false;
    queue_.push_back(std::move(job));
    wake = sleeping_ > 0;
  }
  if (wake) wake_.notify_one();
  return true;
}

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::size_t Workers::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Workers::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    while (queue_.empty()) {
      if (stopping_) return;
      ++sleeping_;
      wake_.wait(lock);
      --sleeping_;
    }
    Job job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    try {
      job();
    } catch (const std::exception& e) {
      log_error("a job threw an exception", {{"workers", name_}, {"what", e.what()}});
    } catch (...) {
      log_error("a job threw an exception", {{"workers", name_}, {"what", "not a std::exception"}});
    }
    job = nullptr;  // what it holds is released outside the lock
    lock.lock();
  }
}

}  // namespace witan
