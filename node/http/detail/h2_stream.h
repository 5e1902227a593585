#pragma once
// One request over HTTP/2, from its header to the end of its answer.

#include <cstddef>
#include <cstdint>

#include "node/http/detail/h2_fields.h"
#include "node/http/message.h"

namespace witan::http::detail {

struct H2Stream {
  enum class Phase { kHead, kBody, kHandling, kAnswering };
  Phase phase = Phase::kHead;
  std::uint64_t deadline_ms = 0;  // of reading, then of answering
  Request request;
  detail::H2Head head;
  std::size_t body_bytes_max = 0;
  Response response;
  std::size_t sent = 0;
  bool taken_back = false;  // by the peer
};

}  // namespace witan::http::detail
