#pragma once
// A bastion for tests (C2SP https-bastion): takes one backend at a time over real TLS 1.3, asks it
// over HTTP/2, or says what no bastion says.

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "ledger/bytes.h"
#include "tests/support/h2_client.h"

namespace witan::test {

struct TestBastionOptions {
  const char* names = "DNS:localhost,IP:127.0.0.1";  // of its certificate
  std::string alpn = "bastion/0";
  bool tls_1_2 = false;  // and nothing newer
  // Whether a backend with that key hash may connect.
  std::function<bool(const std::string& key_hash)> allows = [](const std::string&) { return true; };
  // What is sent instead of HTTP/2, when not empty; again and again with `flood`.
  Bytes says;
  bool flood = false;
};

class TestBastion {
 public:
  explicit TestBastion(TestBastionOptions options = {});
  ~TestBastion();

  // Leaves its port to nobody and comes back to it.
  void stop();
  void start();
  // Cuts the backend's connection.
  void cut();
  void say_goodbye();

  [[nodiscard]] std::string url() const;  // https://127.0.0.1:PORT
  [[nodiscard]] std::string ca_file() const;
  // Backends that were let in so far; and those that speak HTTP/2 now.
  [[nodiscard]] std::size_t backends() const;
  [[nodiscard]] bool connected() const;
  // Connections that ended, however; and the last one's key hash and GOAWAY code (-1: none).
  [[nodiscard]] std::size_t ended() const;
  [[nodiscard]] std::string key_hash() const;
  [[nodiscard]] std::int64_t goaway() const;

  // Asks the backend. The future has an exception when the connection ends before the answer.
  [[nodiscard]] std::future<H2Answer> ask(const std::string& method, const std::string& path,
                                          const std::string& body = "",
                                          const H2Client::Fields& headers = {});
  // The same, and waits.
  [[nodiscard]] H2Answer get(const std::string& method, const std::string& path,
                             const std::string& body = "", const H2Client::Fields& headers = {});

  struct Impl;

 private:
  const std::unique_ptr<Impl> impl_;
};

}  // namespace witan::test
