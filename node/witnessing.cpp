#include "node/witnessing.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/ports/random.h"
#include "node/http/client.h"
#include "node/log.h"
#include "witness/add_checkpoint.h"

namespace witan {
namespace {

// The client's deadline ends a question; the collector's own only makes sure.
constexpr std::uint64_t kDeadlineMarginMs = 1'000;
constexpr std::chrono::milliseconds kLongestNap{60'000};

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  system_random().fill({reinterpret_cast<std::uint8_t*>(&seed), sizeof seed});
  return seed;
}

// Names come from a policy, which allows any bytes; labels are text.
std::string label_of(const std::string& name) {
  if (is_utf8(as_bytes(name))) return name;
  std::string out = name;
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return out;
}

// Of a Retry-After header in seconds (RFC 9110, section 10.2.3); 0 without one. Dates, its other
// form, are not read: the back-off serves as well.
std::uint64_t retry_after_ms(const http::ClientResponse& response) {
  constexpr std::uint64_t kSecondsMax = 86'400;
  const auto header = response.header("retry-after");
  std::uint64_t seconds = 0;
  if (!header) return 0;
  const char* const end = header->data() + header->size();
  const auto [rest, error] = std::from_chars(header->data(), end, seconds);
  if (rest != end || error == std::errc::invalid_argument) return 0;
  return (error == std::errc() ? std::min(seconds, kSecondsMax) : kSecondsMax) * 1'000;
}

class WitnessingImpl final : public Witnessing {
 public:
  using Clients = std::vector<std::unique_ptr<http::Client>>;  // null: not asked

  WitnessingImpl(Collector collector, Clients clients, CollectorOptions options,
                 ConsistencyProofs proofs, const Clock& clock, Metrics& metrics)
      : collector_(std::move(collector)),
        options_(options),
        proofs_(std::move(proofs)),
        clock_(clock),
        metrics_(metrics),
        quorum_seconds_(metrics.histogram("witan_quorum_seconds",
                                          "From a head's signature to its quorum",
                                          Metrics::duration_bounds())) {
    const auto& witnesses = collector_.policy().witnesses;
    for (std::size_t i = 0; i < clients.size(); ++i) {
      desks_.emplace_back(std::move(clients[i]), witnesses[i].key, label_of(witnesses[i].name));
    }
    std::size_t number = 0;
    for (Desk& desk : desks_) {
      const std::size_t index = number++;
      if (desk.client) desk.thread = std::thread([this, &desk, index] { ask_loop(desk, index); });
    }
    timer_ = std::thread([this] { timer_loop(); });
  }

  ~WitnessingImpl() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (Desk& desk : desks_) desk.wake.notify_all();
      timer_wake_.notify_all();
    }
    for (Desk& desk : desks_) {
      if (desk.thread.joinable()) desk.thread.join();
    }
    timer_.join();
  }

  void call_when_decided(std::function<void()> decided) override {
    const std::lock_guard lock(mutex_);
    decided_call_ = std::move(decided);
  }

  Result<void> offer(std::string signed_note, bool is_published) override {
    const std::lock_guard lock(mutex_);
    if (signed_note == offered_) return {};
    const std::uint64_t now_ms = clock_.steady_ms();
    WITAN_TRY(collector_.offer(signed_note, now_ms, is_published));
    offered_ = std::move(signed_note);
    offered_ms_ = now_ms;
    move_on();
    return {};
  }

  std::optional<WitnessedHead> take() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(decided_, std::nullopt);
  }

  std::vector<WitnessState> witnesses() override {
    const std::lock_guard lock(mutex_);
    return collector_.witnesses();
  }

  std::string waiting_for() override {
    const std::lock_guard lock(mutex_);
    return clock_.steady_ms() < offered_ms_ + options_.deadline_ms ? "" : collector_.waiting_for();
  }

  std::string lacking() override {
    const std::lock_guard lock(mutex_);
    return collector_.lacking();
  }

 private:
  // Where one witness's questions lie until its thread takes them.
  struct Desk {
    Desk(std::unique_ptr<http::Client> http, VerifierKey verifier_key, std::string name)
        : client(std::move(http)), key(std::move(verifier_key)), label(std::move(name)) {}
    const std::unique_ptr<http::Client> client;
    const VerifierKey key;
    const std::string label;
    std::optional<WitnessQuestion> question;  // under mutex_
    std::condition_variable wake;
    std::thread thread;
  };

  // With the lock: hands out what is to be asked now, and notes what is decided. Whether it is.
  bool move_on() {
    const std::uint64_t now_ms = clock_.steady_ms();
    for (WitnessQuestion& question : collector_.questions(now_ms)) {
      Desk& desk = *std::next(desks_.begin(), static_cast<std::ptrdiff_t>(question.witness));
      desk.question = std::move(question);
      desk.wake.notify_one();
    }
    timer_wake_.notify_one();
    auto head = collector_.decide(now_ms);
    if (!head) return false;
    if (!head->again) quorum_seconds_.observe(static_cast<double>(now_ms - offered_ms_) / 1'000);
    if (head->again) {
      said_waiting_ = false;
      log_info("the published head has its quorum now", {{"size", head->size.value}});
    } else if (!head->quorum) {
      log_warning("a checkpoint is published without its quorum",
                  {{"size", head->size.value}, {"witnesses", collector_.policy().quorum}});
    } else if (std::exchange(said_waiting_, false)) {
      log_info("the witnesses' quorum is met again", {{"size", head->size.value}});
    }
    decided_ = std::move(head);
    return true;
  }

  void timer_loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (move_on()) {
        call(lock);
        continue;
      }
      say_waiting();
      const std::uint64_t now_ms = clock_.steady_ms();
      const auto deadline = collector_.next_deadline(now_ms);
      const std::chrono::milliseconds nap =
          deadline ? std::min(kLongestNap, std::chrono::milliseconds(*deadline - now_ms + 1))
                   : kLongestNap;
      timer_wake_.wait_for(lock, nap);
    }
  }

  void say_waiting() {
    if (said_waiting_ || clock_.steady_ms() < offered_ms_ + options_.deadline_ms) return;
    const std::string waiting = collector_.waiting_for();
    if (waiting.empty()) return;
    said_waiting_ = true;
    log_error("no quorum of witnesses", {{"waiting", waiting}});
  }

  void call(std::unique_lock<std::mutex>& lock) {
    const auto decided = decided_call_;
    lock.unlock();
    if (decided) decided();
    lock.lock();
  }

  void ask_loop(Desk& desk, std::size_t index) {
    std::unique_lock lock(mutex_);
    while (true) {
      desk.wake.wait(lock, [&] { return stopping_ || desk.question; });
      if (stopping_) return;
      const WitnessQuestion question = *std::exchange(desk.question, std::nullopt);
      lock.unlock();
      const std::uint64_t start_ms = clock_.steady_ms();
      CheckedAnswer answer(desk.key, question, ask(*desk.client, question));
      const std::uint64_t now_ms = clock_.steady_ms();
      lock.lock();
      const std::string before = collector_.witnesses()[index].problem;
      const WitnessOutcome outcome = collector_.answered(std::move(answer), now_ms);
      note(desk, outcome, now_ms - start_ms, before, collector_.witnesses()[index]);
      if (move_on()) call(lock);
    }
  }

  WitnessAnswer ask(http::Client& client, const WitnessQuestion& question) const {
    auto proof = proofs_(question.old, question.size);
    if (!proof) return {0, "no proof could be made: " + proof.error().message, 0};
    const std::string body =
        AddCheckpointRequest{question.old.value, std::move(*proof), question.note}.encode();
    const auto response =
        client.post("/add-checkpoint", as_bytes(body), "text/plain; charset=utf-8");
    if (!response) return {0, response.error().message, 0};
    return {response->status, std::string(as_text(response->body)), retry_after_ms(*response)};
  }

  void note(const Desk& desk, WitnessOutcome outcome, std::uint64_t took_ms,
            const std::string& before, const WitnessState& state) {
    metrics_
        .counter("witan_witness_answers_total", "Witnesses' answers by what came of them",
                 {{"witness", desk.label}, {"outcome", std::string(to_string(outcome))}})
        .add();
    metrics_
        .histogram("witan_witness_seconds", "Duration of a request to a witness",
                   Metrics::duration_bounds(), {{"witness", desk.label}})
        .observe(static_cast<double>(took_ms) / 1'000);
    if (before == state.problem) return;
    if (state.problem.empty()) {
      log_info("the witness cosigns again", {{"witness", state.name}});
    } else if (outcome == WitnessOutcome::kAhead) {
      log_error("A WITNESS HAS SEEN MORE OF THIS LOG THAN THE LOG ITSELF",
                {{"witness", state.name}, {"url", state.url}, {"problem", state.problem}});
    } else {
      log_warning("a witness does not cosign",
                  {{"witness", state.name}, {"url", state.url}, {"problem", state.problem}});
    }
  }

  std::mutex mutex_;
  Collector collector_;  // under mutex_
  const CollectorOptions options_;
  const ConsistencyProofs proofs_;
  const Clock& clock_;
  Metrics& metrics_;
  const MetricHistogram quorum_seconds_;
  std::function<void()> decided_call_;    // under mutex_
  std::optional<WitnessedHead> decided_;  // under mutex_
  std::string offered_;                   // under mutex_
  std::uint64_t offered_ms_ = 0;          // under mutex_
  bool said_waiting_ = false;             // under mutex_
  bool stopping_ = false;                 // under mutex_
  std::list<Desk> desks_;                 // one for each of the policy's witnesses
  std::condition_variable timer_wake_;
  std::thread timer_;
};

}  // namespace

Result<std::unique_ptr<Witnessing>> Witnessing::start(WitnessingOptions options,
                                                      const VerifierKey& log, TreeSize published,
                                                      ConsistencyProofs proofs, const Clock& clock,
                                                      Metrics& metrics) {
  http::ClientOptions http_options;
  http_options.deadline = std::chrono::milliseconds(options.collector.deadline_ms);
  http_options.body_bytes_max = limits::kNoteBytesMax;
  http_options.ca_file = options.ca_file;
  CollectorOptions collector_options = options.collector;
  collector_options.deadline_ms += kDeadlineMarginMs;
  WITAN_ASSIGN(Collector collector, Collector::make(std::move(options.policy), log,
                                                    collector_options, published, random_seed()));
  WitnessingImpl::Clients clients;
  for (const WitnessState& witness : collector.witnesses()) {
    clients.emplace_back();
    if (!witness.asked) continue;
    auto client = http::Client::make(witness.url, http_options);
    if (!client) return fail(client.error().within("witness " + witness.name));
    clients.back() = *std::move(client);
  }
  return std::make_unique<WitnessingImpl>(std::move(collector), std::move(clients),
                                          options.collector, std::move(proofs), clock, metrics);
}

}  // namespace witan
