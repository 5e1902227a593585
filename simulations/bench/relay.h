#pragma once
// A server that is farther away than it is: a TCP relay on loopback that holds each piece of bytes
// for a while, in both directions. Connecting is not held, since clients keep their connections.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/result.h"

namespace witan::bench {

class Relay {
 public:
  // To 127.0.0.1:`port`. A round trip takes `round_trip` longer. kIo.
  static Result<std::unique_ptr<Relay>> start(std::uint16_t port,
                                              std::chrono::microseconds round_trip);
  // Ends all connections.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  Relay(int listener, std::uint16_t port, std::uint16_t to, std::chrono::microseconds one_way);
  void accept_loop();
  void carry(int from, int to) const;

  const int listener_;
  const std::uint16_t port_, to_;
  const std::chrono::microseconds one_way_;
  std::mutex mutex_;
  bool stopping_ = false;             // under mutex_
  std::vector<int> sockets_;          // under mutex_
  std::vector<std::thread> threads_;  // of the accepting thread, until it has ended
  std::thread accepting_;
};

}  // namespace witan::bench
