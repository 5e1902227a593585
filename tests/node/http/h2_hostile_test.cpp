// What a hostile peer sends: every flood ends the connection, and nothing grows without bound.
#include <functional>
#include <nghttp2/nghttp2.h>
#include <string>

#include "tests/node/http/h2_fixture.h"

namespace witan::test {
namespace {

// Gives the session the same bytes until it ends the connection; how often it took them.
std::size_t repeat_until_refused(H2Fixture& h2, const std::function<Bytes(std::size_t)>& bytes,
                                 std::size_t times_max) {
  for (std::size_t i = 0; i < times_max; ++i) {
    if (!h2.session.receive(bytes(i), h2.now_ms)) return i;
    h2.carry_answers();
    if (h2.session.finished()) return i;
  }
  return times_max;
}

Bytes request_head(std::uint32_t stream, const H2Client::Fields& more = {},
                   std::uint8_t flags = NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM) {
  H2Client::Fields fields = {
      {":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return h2_frame(NGHTTP2_HEADERS, flags, stream, h2_literals(fields));
}

std::uint32_t stream_of(std::size_t i) {
  return static_cast<std::uint32_t>(2 * i + 1);
}

TEST_CASE("h2 hostile: what is no HTTP/2 is refused at once") {
  for (const std::string text :
       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", "\x16\x03\x01"}) {
    H2Fixture h2;
    const auto refused = h2.session.receive(as_bytes(text), h2.now_ms);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::kMalformed);
  }
  // The preface must be followed by SETTINGS.
  H2Fixture h2;
  Bytes bytes(h2_preface());
  bytes.resize(24);
  append(bytes, h2_frame(NGHTTP2_PING, 0, 0, Bytes(8)));
  (void)h2.session.receive(bytes, h2.now_ms);
  h2.carry_answers();
  CHECK(h2.session.finished());
  CHECK_FALSE(h2.session.violation().empty());
}

TEST_CASE("h2 hostile: the preface may come byte by byte") {
  H2Fixture h2;
  for (const std::uint8_t byte : h2_preface()) {
    REQUIRE(h2.session.receive({&byte, 1}, h2.now_ms));
  }
  CHECK(h2.session.established());
}

TEST_CASE("h2 hostile: frames against the protocol end the connection with a reason") {
  const auto refused = [](const Bytes& frame) {
    H2Fixture h2;
    REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
    (void)h2.session.receive(frame, h2.now_ms);
    CHECK(h2.session.violation().empty());
    h2.carry_answers();
    return h2.session.finished() && !h2.session.violation().empty();
  };
  CHECK(refused(h2_frame(NGHTTP2_DATA, 0, 0, Bytes(1))));
  CHECK(refused(h2_frame(NGHTTP2_CONTINUATION, 0, 1, Bytes(1))));
  CHECK(refused(h2_frame(NGHTTP2_SETTINGS, 0, 0, Bytes(5))));
  CHECK(refused(h2_frame(NGHTTP2_PING, 0, 0, Bytes(7))));
  CHECK(refused(h2_frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1, Bytes(4))));
  CHECK(refused(h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2, Bytes(1))));
  CHECK(refused(h2_frame(NGHTTP2_DATA, 0, 1, Bytes(20'000))));
  // A header block that cannot be decompressed.
  CHECK(refused(h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, Bytes(3, 0xff))));
  // A window that grows past 2^31 - 1.
  const Bytes most = {0x7f, 0xff, 0xff, 0xff};
  CHECK(refused(h2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, most)));
}

TEST_CASE("h2 hostile: floods of frames that ask for nothing end the connection") {
  const auto ends = [](const Bytes& frame, std::size_t most = limits::kH2ControlBurst + 2) {
    H2Fixture h2;
    REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
    const std::size_t taken = repeat_until_refused(
        h2, [&](std::size_t) { return frame; }, most);
    CHECK(taken > 100);
    // The last words say why.
    CHECK(h2.session.to_send().size() > 0);
    return taken < most;
  };
  CHECK(ends(h2_frame(NGHTTP2_PING, 0, 0, Bytes(8))));
  CHECK(ends(h2_frame(NGHTTP2_SETTINGS, 0, 0, {})));
  CHECK(ends(h2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, Bytes{0, 0, 0, 1})));
  CHECK(ends(h2_frame(NGHTTP2_PRIORITY, 0, 1, Bytes{0, 0, 0, 0, 1})));
}

TEST_CASE("h2 hostile: frames of types that nobody knows leave nothing behind") {
  H2Fixture h2;
  h2.at_once = true;
  REQUIRE(h2.exchange());
  const Bytes unknown = h2_frame(0xfa, 0xff, 7, Bytes(100));
  for (std::size_t i = 0; i < 2 * limits::kH2ControlBurst; ++i) {
    REQUIRE(h2.session.receive(unknown, h2.now_ms));
  }
  CHECK(h2.session.to_send().empty());
  CHECK(h2.session.bytes_held() == 0);
  const auto asked = h2.client.ask("GET", "/");
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(asked).body == "now");
}

TEST_CASE("h2 hostile: empty frames of a body count too") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  REQUIRE(h2.session.receive(request_head(1, {}, NGHTTP2_FLAG_END_HEADERS), h2.now_ms));
  const Bytes empty = h2_frame(NGHTTP2_DATA, 0, 1, {});
  CHECK(repeat_until_refused(
            h2, [&](std::size_t) { return empty; }, 2'002) < 2'002);
}

TEST_CASE("h2 hostile: time earns what a slow peer needs") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  const Bytes ping = h2_frame(NGHTTP2_PING, 0, 0, Bytes(8));
  for (std::size_t i = 0; i < 3 * limits::kH2ControlBurst; ++i) {
    h2.now_ms += 2;
    REQUIRE(h2.session.receive(ping, h2.now_ms));
    h2.carry_answers();
  }
}

TEST_CASE("h2 hostile: pings whose answers are not taken end the connection early") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  const Bytes ping = h2_frame(NGHTTP2_PING, 0, 0, Bytes(8));
  std::size_t taken = 0;
  while (taken < 1'000 && h2.session.receive(ping, h2.now_ms)) ++taken;
  CHECK(taken <= limits::kH2AcksMax + 1);
}

Bytes taken_back(std::size_t i) {
  Bytes pair = request_head(stream_of(i));
  append(pair, h2_frame(NGHTTP2_RST_STREAM, 0, stream_of(i), Bytes{0, 0, 0, 8}));
  return pair;
}

// A bastion's clients may go away as they like: nobody else is to lose the connection for it.
TEST_CASE("h2 hostile: requests that are taken back end nothing, and stay few") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  constexpr std::size_t kMany = 3 * limits::kH2ControlBurst;
  CHECK(repeat_until_refused(h2, taken_back, kMany) == kMany);
  // No more than these were handed out, whatever was reset.
  CHECK(h2.waiting.size() <= limits::kH2RequestsMax);
  CHECK(h2.session.handled() == h2.waiting.size());
  CHECK(h2.session.bytes_held() == 0);
}

TEST_CASE("h2 hostile: a peer that asks and does not read is cut off") {
  const auto ends = [](const std::function<Bytes(std::size_t)>& frames) {
    H2Fixture h2;
    h2.at_once = true;
    REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
    constexpr std::size_t kMany = 2 * limits::kH2FramesWaitingMax;
    for (std::size_t i = 0; i < kMany; ++i) {
      const auto taken = h2.session.receive(frames(i), h2.now_ms);
      if (!taken) return taken.error().code == ErrorCode::kOverloaded;
    }
    return false;
  };
  CHECK(ends(taken_back));
  // Streams beyond the number that was announced, to a peer that has not acknowledged it.
  CHECK(
      ends([](std::size_t i) { return request_head(stream_of(i), {}, NGHTTP2_FLAG_END_HEADERS); }));
}

TEST_CASE("h2 hostile: a reader that opens its windows for every 4 KiB is no flood") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  const Bytes step{0, 0, 16, 0};
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE(h2.session.receive(request_head(stream_of(i)), h2.now_ms));
    h2.answer_next(http::Response::text(200, "text/plain", std::string(4u << 20, 'x')));
    std::size_t sent = 0;
    for (BytesView said = h2.session.to_send(); !said.empty(); said = h2.session.to_send()) {
      for (sent += said.size(); sent >= 4'096; sent -= 4'096) {
        Bytes windows = h2_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, step);
        append(windows, h2_frame(NGHTTP2_WINDOW_UPDATE, 0, stream_of(i), step));
        REQUIRE(h2.session.receive(windows, h2.now_ms));
      }
    }
    REQUIRE(h2.session.bytes_held() == 0);
  }
}

TEST_CASE("h2 hostile: bodies that do not come keep no others out") {
  H2Fixture h2;
  h2.at_once = true;
  std::vector<std::int32_t> slow;
  for (std::size_t i = 0; i < limits::kH2StreamsMax; ++i) {
    slow.push_back(h2.client.ask("POST", "/", "x", {}, false));
  }
  const auto quick = h2.client.ask("POST", "/", "all of it");
  REQUIRE(h2.exchange());
  REQUIRE(h2.pass(std::chrono::milliseconds(1'000)));
  REQUIRE(h2.exchange());
  // Headers often come together, and their bodies after them.
  CHECK(h2.client.answer(slow.front()).status == 0);
  h2.client.more(slow.front(), "y", true);
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(slow.front()).body == "now");
  CHECK(h2.client.answer(quick).body == "now");
  const auto next = h2.client.ask("POST", "/", "z");
  slow.push_back(h2.client.ask("POST", "/", "x", {}, false));
  REQUIRE(h2.pass(limits::kH2BodySlow));
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(next).body == "now");
  CHECK(h2.client.answer(slow[1]).status == 503);
  CHECK(h2.session.bytes_held() < 1'000);
}

TEST_CASE("h2 hostile: streams that the peer makes this side reset end the connection") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  // More of a body than was said breaks the stream alone.
  const Bytes head = h2_literals({{":method", "POST"},
                                  {":scheme", "https"},
                                  {":path", "/"},
                                  {":authority", "a"},
                                  {"content-length", "1"}});
  const std::size_t taken = repeat_until_refused(
      h2,
      [&](std::size_t i) {
        Bytes pair = h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream_of(i), head);
        append(pair, h2_frame(NGHTTP2_DATA, 0, stream_of(i), Bytes(2)));
        return pair;
      },
      2'000);
  CHECK(taken > 100);
  CHECK(taken < 600);
  CHECK(h2.session.violation().empty());
}

TEST_CASE("h2 hostile: a header that never ends is cut off") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  REQUIRE(h2.session.receive(request_head(1, {}, NGHTTP2_FLAG_END_STREAM), h2.now_ms));
  const Bytes part =
      h2_frame(NGHTTP2_CONTINUATION, 0, 1, h2_literals({{"a", std::string(1'000, 'b')}}));
  CHECK(repeat_until_refused(
            h2, [&](std::size_t) { return part; }, 100) <= limits::kH2ContinuationsMax + 1);
}

TEST_CASE("h2 hostile: a header that unpacks to much costs little") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  // 3,500 bytes go into the table once, and are named 16,000 times with a byte each.
  Bytes block =
      h2_literals({{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a"}});
  Bytes kept = h2_literals({{"x", std::string(3'500, 'y')}});
  kept.front() = 0x40;
  append(block, kept);
  block.resize(block.size() + 12'000, 0x80 | 62);
  REQUIRE(h2.session.receive(
      h2_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block),
      h2.now_ms));
  CHECK(h2.waiting.empty());
  CHECK(h2.session.bytes_held() < 1'000);  // its refusal
}

TEST_CASE("h2 hostile: streams over the bound are refused, and bodies over it") {
  H2Fixture h2;
  REQUIRE(h2.session.receive(h2_preface(), h2.now_ms));
  for (std::size_t i = 0; i < 3 * limits::kH2StreamsMax; ++i) {
    if (!h2.session.receive(request_head(stream_of(i), {}, NGHTTP2_FLAG_END_HEADERS), h2.now_ms)) {
      break;
    }
  }
  CHECK(h2.session.requests() <= limits::kH2StreamsMax);

  H2Fixture full;
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < 100; ++i) {
    ids.push_back(full.client.ask("POST", "/", std::string(H2Fixture::kBodyMax, 'x')));
  }
  REQUIRE(full.exchange());
  CHECK(full.session.bytes_held() <= limits::kH2BodyBytesMax + 100'000);
  std::size_t refused = 0;
  for (const auto id : ids) refused += full.client.answer(id).status == 503 ? 1 : 0;
  CHECK(refused > 0);
  CHECK(refused < 30);
  // Answers that nobody takes are bounded the same way.
  H2Fixture mute(0);
  for (std::size_t i = 0; i < 100; ++i) mute.client.ask("GET", "/");
  REQUIRE(mute.exchange());
  while (!mute.waiting.empty()) {
    mute.answer_next(http::Response::text(200, "text/plain", std::string(1u << 20, 'x')));
  }
  CHECK(mute.session.bytes_held() <= limits::kH2AnswerBytesMax);
}

TEST_CASE("h2 hostile: malformed requests break their stream alone") {
  H2Fixture h2;
  REQUIRE(h2.exchange());
  const auto broken = h2.client.ask("POST", "/", "12345", {{"content-length", "3"}});
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(broken).closed);
  CHECK(h2.client.answer(broken).error_code != 0);
  CHECK(h2.waiting.empty());
  h2.at_once = true;
  const auto good = h2.client.ask("GET", "/");
  REQUIRE(h2.exchange());
  CHECK(h2.client.answer(good).body == "now");
}

}  // namespace
}  // namespace witan::test
