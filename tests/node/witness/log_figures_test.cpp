// What is counted of each log, and that the series of many logs stay few.
#include "node/witness/log_figures.h"

#include <algorithm>
#include <string>

#include "config/limits.h"
#include "node/witness/merged_note.h"
#include "tests/node/witness/witness_fixture.h"

namespace witan::test {
namespace {

std::size_t lines_with(const std::string& text, const std::string& begin) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find("\n" + begin, at)) != std::string::npos; ++at) ++count;
  return count;
}

TEST_CASE("log figures: each log has its own until there are too many, the rest is summed") {
  Metrics metrics;
  WitnessClock clock;
  LogFiguresTable table(metrics, clock, {});
  const std::uint64_t now_s = clock.unix_ms() / 1000;
  constexpr std::size_t kLogs = 1'000;
  for (std::size_t i = 0; i < kLogs; ++i) {
    const std::string origin = "log.example/" + std::to_string(i);
    table.cosigned(origin, now_s - 5, true);
    table.refused(origin, "conflict");
    table.refused(origin, "no such reason");
    table.answered(origin, 0.5);
  }
  const std::string text = metrics.text();
  CHECK(lines_with(text, "witan_witness_log_cosigned_total{") == limits::kWitnessLogMetricsMax + 1);
  CHECK(lines_with(text, "witan_witness_log_refused_total{") == limits::kWitnessLogMetricsMax + 1);
  CHECK(lines_with(text, "witan_witness_log_age_seconds{") == limits::kWitnessLogMetricsMax);
  const std::string rest = std::to_string(kLogs - limits::kWitnessLogMetricsMax);
  CHECK_THAT(text, ContainsSubstring("witan_witness_log_cosigned_total{origin=\"\"} " + rest));
  CHECK_THAT(text, ContainsSubstring("witan_witness_log_age_seconds{origin=\"log.example/0\"} 5"));
  CHECK_THAT(text, ContainsSubstring(
                       "witan_witness_log_answer_seconds_total{origin=\"log.example/0\"} 0.5"));
  const LogFigures last = table.of("log.example/999");
  CHECK(last.cosigned == 1);
  CHECK(last.refused_sum() == 1);
  CHECK(last.answers == 1);
  CHECK(table.of("log.example/none").cosigned == 0);
}

TEST_CASE("log figures: the operator picks which logs have series of their own") {
  Metrics metrics;
  WitnessClock clock;
  LogFiguresTable table(metrics, clock, {"log.example/7"});
  for (int i = 0; i < 10; ++i) table.cosigned("log.example/" + std::to_string(i), 9, true);
  const std::string text = metrics.text();
  CHECK(lines_with(text, "witan_witness_log_cosigned_total{") == 2);
  CHECK_THAT(text, ContainsSubstring("origin=\"log.example/7\"} 1"));
  CHECK_THAT(text, ContainsSubstring("origin=\"\"} 9"));
}

TEST_CASE("witness service: refusals are counted for the log they are of, by which limit too") {
  WitnessServiceOptions options;
  options.queue_max = 1;
  WitnessFixture fixture(options);
  const std::string& origin = fixture.world.origin;
  REQUIRE(fixture.submit(0, 5));
  CHECK(!fixture.submit(0, 5));
  fixture.add_log({}, true);
  CHECK(!fixture.submit(5, 6));
  fixture.add_log(1);
  REQUIRE(fixture.submit(5, 6));
  CHECK(!fixture.submit(6, 7));
  fixture.add_log();
  const std::size_t calls = fixture.cosigner.calls();
  fixture.cosigner.hold(true);
  auto first = fixture.send(fixture.world.request(6, 7).encode());
  fixture.cosigner.wait_for_calls(calls + 1);
  // What waits now is in the signer's hands or in the queue; more than both hold is refused.
  std::vector<std::future<CosignAnswer>> more;
  for (int i = 0; i < 8; ++i) more.push_back(fixture.send(fixture.world.request(6, 7).encode()));
  fixture.cosigner.hold(false);
  CHECK(first.get());
  for (auto& answer : more) (void)answer.get();
  const auto counted = [&](std::string_view reason) {
    const auto* const at = std::find(kLogRefusals.begin(), kLogRefusals.end(), reason);
    const LogFigures figures = fixture.service->metrics().logs().of(origin);
    return figures.refused[static_cast<std::size_t>(at - kLogRefusals.begin())];
  };
  CHECK(counted("conflict") >= 1);
  CHECK(counted("disabled") == 1);
  CHECK(counted("over-quota") == 1);
  CHECK(counted("queue-full") >= 1);
  CHECK(counted("queue-full") == fixture.counted(WitnessMetrics::kQueueFull));
  CHECK(fixture.service->metrics().logs().of(origin).cosigned == 3);
}

TEST_CASE("merged note: a repetition with fewer lines takes none away") {
  const CosignWorld world;
  const CosignKey second = make_cosign_key("log.example/1"), own = make_cosign_key("w.example");
  const std::string text = world.text(5);
  const NoteSignature one = sign_as_log(world.key, text), two = sign_as_log(second, text);
  const NoteSignature mine = sign_as_log(own, text);
  const std::string rich = Note{text, {one, two, mine}}.encode();
  const std::string poor = Note{text, {one, mine}}.encode();
  const auto merged = Note::parse(merged_note(rich, poor));
  REQUIRE(merged);
  CHECK(merged->signatures == std::vector<NoteSignature>{one, mine, two});
  CHECK(merged_note(poor, rich) == rich);
  CHECK(merged_note("", poor) == poor);
  const std::string other = Note{world.text(6), {sign_as_log(world.key, world.text(6))}}.encode();
  CHECK(merged_note(rich, other) == other);
}

}  // namespace
}  // namespace witan::test
