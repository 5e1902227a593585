#pragma once
// What a witness does now and then beside its work.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "ledger/ports/clock.h"
#include "node/witness/witness_service.h"

namespace witan {

// A thread of its own. Gives the store's places of dead readers to others, and says in the log when
// cosignatures are ahead of the clock.
class WitnessHousekeeping {
 public:
  // Both must outlive it.
  WitnessHousekeeping(WitnessService& witness, const Clock& clock);
  ~WitnessHousekeeping();
  WitnessHousekeeping(const WitnessHousekeeping&) = delete;
  WitnessHousekeeping& operator=(const WitnessHousekeeping&) = delete;

 private:
  void run();
  void work();

  WitnessService& witness_;
  const Clock& clock_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // under mutex_
  bool warned_ = false;    // of the thread alone
  std::thread thread_;
};

}  // namespace witan
