#include "enclave/batch_workers.h"

namespace witan {

void for_each_alone(std::size_t count, const std::function<void(std::size_t)>& work) {
  for (std::size_t i = 0; i < count; ++i) work(i);
}

BatchWorkers::BatchWorkers(unsigned helpers) {
  threads_.reserve(helpers);
  for (unsigned i = 0; i < helpers; ++i) threads_.emplace_back([this] { help(); });
}

BatchWorkers::~BatchWorkers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  begun_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void BatchWorkers::for_each(std::size_t count, const std::function<void(std::size_t)>& work) {
  // To wake somebody for one item costs more than the item.
  if (threads_.empty() || count < 2) return for_each_alone(count, work);
  Job job;
  job.count = count;
  job.work = &work;
  {
    const std::lock_guard lock(mutex_);
    job_ = &job;
    ++generation_;
  }
  begun_.notify_all();
  take_part(job);
  {
    std::unique_lock lock(mutex_);
    job_ = nullptr;  // whoever wakes only now finds nothing
    left_.wait(lock, [this] { return taking_part_ == 0; });
  }
  if (job.thrown) std::rethrow_exception(job.thrown);
}

void BatchWorkers::help() {
  std::size_t seen = 0;
  for (;;) {
    Job* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      begun_.wait(lock, [&] { return ending_ || (job_ != nullptr && generation_ != seen); });
      if (ending_) return;
      job = job_;
      seen = generation_;
      ++taking_part_;
    }
    take_part(*job);
    {
      const std::lock_guard lock(mutex_);
      --taking_part_;
    }
    left_.notify_one();
  }
}

void BatchWorkers::take_part(Job& job) {
  for (;;) {
    const std::size_t at = job.next.fetch_add(1);
    if (at >= job.count) return;
    try {
      (*job.work)(at);
    } catch (...) {
      const std::lock_guard lock(job.mutex);
      if (!job.thrown) job.thrown = std::current_exception();
    }
  }
}

}  // namespace witan
