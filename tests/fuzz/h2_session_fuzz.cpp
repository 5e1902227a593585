// An HTTP/2 peer that sends anything, in portions: what is held stays bounded, every request is
// handed out whole and once, and when all are answered and gone nothing is held.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "node/http/h2_session.h"

// The first byte of the input says how long the portions are, and which requests are answered at
// once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  constexpr std::size_t kBodyMax = 1'000;
  if (size == 0) return 0;
  const std::size_t portion = 1 + data[0] / 2U * 4;
  const bool at_once = data[0] % 2 == 0;
  http::H2Session* out = nullptr;
  std::uint64_t now_ms = 1;
  std::vector<std::uint64_t> waiting;
  http::H2Options options;
  options.handle = [&](http::Request&& request, std::uint64_t id) {
    if (request.body.size() > kBodyMax || request.path.empty()) std::abort();
    if (std::count(waiting.begin(), waiting.end(), id) != 0) std::abort();
    if (at_once) return out->answer(id, http::Response::text(200, "text/plain", "x"), now_ms);
    waiting.push_back(id);
  };
  options.body_bytes_max = [](const http::Request&) { return kBodyMax; };
  options.error_response = [](unsigned status, std::string_view detail, const http::Request*) {
    if (status < 400) std::abort();
    return http::Response::text(status, "text/plain", std::string(detail));
  };
  http::H2Session session(std::move(options), now_ms);
  out = &session;
  bool alive = true;
  for (std::size_t at = 1; at < size && alive; at += portion) {
    const BytesView part(data + at, std::min(portion, size - at));
    alive = session.receive(part, now_ms).has_value();
    while (!session.to_send().empty()) {
    }
    if (session.handled() > limits::kH2RequestsMax) std::abort();
    if (session.bytes_held() > limits::kH2BodyBytesMax + limits::kH2AnswerBytesMax) std::abort();
  }
  for (const std::uint64_t id : waiting) {
    session.answer(id, http::Response::text(200, "text/plain", "y"), now_ms);
  }
  if (session.handled() != 0) std::abort();
  // Everything that is stuck is given up in time.
  for (int i = 0; i < 10; ++i) {
    now_ms += 31'000;
    (void)session.tick(now_ms);
    while (!session.to_send().empty()) {
    }
  }
  return 0;
}
