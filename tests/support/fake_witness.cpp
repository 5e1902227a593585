#include "tests/support/fake_witness.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/ports/clock.h"
#include "witness/add_checkpoint.h"

namespace witan::test {
namespace {

http::Response plain(unsigned status, std::string text) {
  return http::Response::text(status, "text/plain; charset=utf-8", std::move(text));
}

}  // namespace

FakeWitness::FakeWitness(std::string name, VerifierKey log)
    : name_(std::move(name)),
      log_(std::move(log)),
      key_(PrivateKey::generate(KeyKind::kEd25519).value()),
      mark_{TreeSize{0}, empty_root()} {
  start();
}

FakeWitness::~FakeWitness() = default;

void FakeWitness::stop() {
  server_.reset();
}

void FakeWitness::start() {
  http::ServerOptions options;
  options.listen = address_;
  options.threads = 1;
  options.body_bytes_max = [](const http::Request&) { return limits::kAddCheckpointBytesMax; };
  auto server = http::Server::start(
      options,
      [this](http::Request&& request, const http::Respond& respond) { respond(handle(request)); });
  if (!server) throw std::runtime_error(server.error().message);
  server_ = std::move(*server);
  address_ = server_->address();
}

void FakeWitness::set_mark(CosignMark mark) {
  const std::lock_guard lock(mutex_);
  mark_ = mark;
}

CosignMark FakeWitness::mark() const {
  const std::lock_guard lock(mutex_);
  return mark_;
}

std::uint64_t FakeWitness::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string FakeWitness::policy_line() const {
  const auto key =
      VerifierKey::make(name_, NoteAlgorithm::kCosignatureEd25519, key_.public_key().raw());
  return "witness " + name_ + " " + key->text() + " http://" + address_ + "/prefix/";
}

http::Response FakeWitness::handle(const http::Request& request) {
  const std::lock_guard lock(mutex_);
  ++requests_;
  if (request.method != http::Method::kPost || request.path != "/prefix/add-checkpoint") {
    return plain(404, "nothing at " + request.path + "\n");
  }
  const auto parsed = AddCheckpointRequest::parse(as_text(request.body));
  if (!parsed) return plain(400, parsed.error().message + "\n");
  const auto good = check_cosignable(*parsed, std::vector<VerifierKey>{log_}, mark_, name_);
  if (!good) {
    const CosignError& error = good.error();
    if (error.refusal != CosignRefusal::kConflict) {
      return plain(http_status(error.refusal), error.message + "\n");
    }
    return http::Response::text(409, std::string(kTlogSizeContentType),
                                encode_tlog_size(error.size));
  }
  mark_ = {good->checkpoint.size, good->checkpoint.root};
  const auto line = cosign_note(good->text, name_, key_, system_clock().unix_ms() / 1'000);
  return plain(200, encode_signature_lines({line.value()}));
}

}  // namespace witan::test
