#include "node/witness/housekeeping.h"

#include <pthread.h>

#include "config/witness_limits.h"
#include "node/log.h"
#include "node/witness/witness_page.h"

namespace witan {

WitnessHousekeeping::WitnessHousekeeping(WitnessService& witness, const Clock& clock)
    : witness_(witness), clock_(clock), thread_([this] { run(); }) {
  pthread_setname_np(thread_.native_handle(), "witness-tidy");
}

WitnessHousekeeping::~WitnessHousekeeping() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void WitnessHousekeeping::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    work();
    lock.lock();
    wake_.wait_for(lock, limits::kDeadReadersEvery, [this] { return stopping_; });
  }
}

void WitnessHousekeeping::work() {
  if (const auto cleared = witness_.store().clear_dead_readers(); !cleared) {
    log_warning("cannot tidy the store", {{"reason", cleared.error().message}});
  }
  const std::string warning = witness_trouble(witness_, clock_).warning;
  if (!warning.empty() && !warned_) log_warning("clock", {{"reason", warning}});
  warned_ = !warning.empty();
}

}  // namespace witan
