#pragma once
// The client's side of an HTTP/2 connection in memory, as a bastion has it; and frames made by
// hand, for what no client sends.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ledger/bytes.h"

namespace witan::test {

struct H2Answer {
  unsigned status = 0;
  unsigned interim = 0;  // the last 1xx before it
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool closed = false;
  std::uint32_t error_code = 0;  // of the close

  [[nodiscard]] std::string header(std::string_view name) const;
};

class H2Client {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  // Its first bytes are the preface and SETTINGS with that window for each stream.
  explicit H2Client(std::uint32_t window = 65'535);
  ~H2Client();

  // Sends a request; gives its stream. Without `end` the body goes on with more().
  std::int32_t ask(const std::string& method, const std::string& path, const std::string& body = "",
                   const Fields& headers = {}, bool end = true);
  void more(std::int32_t stream, const std::string& body, bool end);
  void reset(std::int32_t stream);
  void ping();
  void say_goodbye();

  [[nodiscard]] Bytes to_send();
  // False when the server's bytes break the protocol.
  bool receive(BytesView bytes);

  [[nodiscard]] const H2Answer& answer(std::int32_t stream);
  [[nodiscard]] std::size_t pings() const;         // of the server
  [[nodiscard]] std::size_t ping_answers() const;  // by the server
  // The error code of the server's last GOAWAY; -1 when there was none.
  [[nodiscard]] std::int64_t goaway() const;
  [[nodiscard]] std::uint32_t streams_max() const;  // as the server has said
  // Called when a stream has closed.
  std::function<void(std::int32_t, const H2Answer&)> on_closed;

  struct Impl;

 private:
  const std::unique_ptr<Impl> impl_;
};

// A frame's bytes: its header (RFC 9113, section 4.1) and payload.
[[nodiscard]] Bytes h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                             BytesView payload);
// "PRI * ..." and an empty SETTINGS frame.
[[nodiscard]] Bytes h2_preface();
// A header block of literal fields without Huffman coding (RFC 7541, section 6.2.2).
[[nodiscard]] Bytes h2_literals(const H2Client::Fields& fields);

}  // namespace witan::test
