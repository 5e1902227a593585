#pragma once
// Ends what clients wait for when their owner stops: look-ups of names, connections, answers. Any
// thread.

#include <atomic>

namespace witan::http {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // From now on every wait ends at once with operation_aborted.
  void set();
  void clear();
  [[nodiscard]] bool is_set() const { return set_; }
  // Readable while it is set, for poll(2), which passes over -1: what it is when there are no files
  // left. Waits then last until their deadline.
  [[nodiscard]] int file() const { return file_; }

 private:
  std::atomic<bool> set_{false};
  const int file_;
};

}  // namespace witan::http
