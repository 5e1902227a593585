// Statements in bulk: signed ones for the load generator, unsigned ones straight into a store.

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <thread>

#include "enclave/client.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/statement.h"
#include "ledger/sequencer/recovery.h"
#include "ledger/store/lmdb_store.h"
#include "node/genesis.h"
#include "simulations/bench/node.h"
#include "simulations/bench/stopwatch.h"

namespace witan::bench {
namespace {

constexpr std::size_t kPayloadBytes = 1'024;
constexpr std::size_t kBatch = 256;

Bytes payload_of(std::uint64_t number) {
  std::mt19937_64 engine(number);
  Bytes out(kPayloadBytes);
  for (std::size_t at = 0; at < out.size(); at += 8) {
    const std::uint64_t word = engine();
    for (std::size_t i = 0; i < 8; ++i) out[at + i] = static_cast<std::uint8_t>(word >> (8 * i));
  }
  return out;
}

Bytes signed_statement(const PrivateKey& key, std::uint64_t number) {
  StatementRequest request;
  request.issuer = kIssuer;
  request.subject = "pkg:generic/bench";
  request.content_type = "application/octet-stream";
  request.payload = payload_of(number);
  auto made = make_statement(request, key);
  if (!made) throw std::logic_error("statement: " + made.error().message);
  return std::move(*made);
}

// A statement whose payload is a number's, made from another one by putting the number into it.
class Template {
 public:
  explicit Template(const PrivateKey& key) : bytes_(signed_statement(key, 0)) {
    const Bytes payload = payload_of(0);
    const auto found =
        std::search(bytes_.begin(), bytes_.end(), payload.begin(), payload.begin() + 64);
    payload_at_ = static_cast<std::size_t>(found - bytes_.begin());
  }
  [[nodiscard]] Bytes numbered(std::uint64_t number) const {
    Bytes out = bytes_;
    for (std::size_t i = 0; i < 8; ++i) {
      out[payload_at_ + i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return out;
  }

 private:
  Bytes bytes_;
  std::size_t payload_at_ = 0;
};

// A log's store and enclave, written without a node.
class DirectLog {
 public:
  static Result<DirectLog> open(const NodeFolder& folder) {
    DirectLog log;
    LmdbOptions options;
    options.sync = false;
    WITAN_ASSIGN(log.store_, open_lmdb_store(folder.paths.data(), options));
    WITAN_ASSIGN(log.signer_,
                 EnclaveProcess::start(default_enclave_binary(), folder.paths.enclave()));
    WITAN_ASSIGN(log.identity_, log.signer_->attest({}));
    WITAN_ASSIGN(const auto view, log.store_->read());
    WITAN_ASSIGN(const auto head, view->decided());
    if (!head) return fail(ErrorCode::kNotFound, "the log has no beginning");
    log.head_ = *head;
    WITAN_ASSIGN(log.frontier_, frontier_from_tiles(*view, log.head_.size));
    for (std::uint64_t i = 0; i < log.head_.size.value; ++i) {
      WITAN_ASSIGN(const BytesView statement, view->statement(LeafIndex{i}));
      log.statement_bytes_ += statement.size();
    }
    return log;
  }

  [[nodiscard]] std::uint64_t size() const { return head_.size.value; }
  [[nodiscard]] std::uint64_t statement_bytes() const { return statement_bytes_; }

  // Decides, signs; the head is published with the next batch, or by finish().
  Result<void> append(const std::vector<Bytes>& statements) {
    StoreCommit commit;
    take_publication(commit);
    StoreCommit::Decide decide;
    decide.expected = head_;
    std::vector<Hash32> entries;
    for (const Bytes& statement : statements) {
      const Hash32 entry = sha256(statement);
      frontier_.append(leaf_hash(entry));
      entries.push_back(entry);
      decide.entries.push_back({entry, statement});
      statement_bytes_ += statement.size();
    }
    const TreeHead next{frontier_.size(), frontier_.root(), head_.time_ms + 1};
    decide.next = next;
    commit.decide = std::move(decide);
    WITAN_TRY(store_->commit(commit));
    WITAN_ASSIGN(SignedHead signed_head, signer_->append(head_.size, entries, next.time_ms));
    WITAN_ASSIGN(std::string note, checkpoint_note(identity_, signed_head));
    head_ = next;
    to_publish_ = PublishedHead{std::move(signed_head), std::move(note)};
    return {};
  }

  Result<void> finish() {
    StoreCommit commit;
    take_publication(commit);
    return store_->commit(commit);
  }

 private:
  DirectLog() = default;
  void take_publication(StoreCommit& commit) {
    if (to_publish_) commit.publish.push_back(std::move(*to_publish_));
    to_publish_.reset();
  }

  std::unique_ptr<Store> store_;
  std::unique_ptr<EnclaveProcess> signer_;
  SignerState identity_;
  TreeHead head_;
  Frontier frontier_;
  std::optional<PublishedHead> to_publish_;
  std::uint64_t statement_bytes_ = 0;
};

}  // namespace

Result<Filled> fill(const NodeFolder& folder, std::uint64_t entries, std::size_t ids_wanted) {
  const Stopwatch since;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  const Template maker(key);
  WITAN_ASSIGN(DirectLog log, DirectLog::open(folder));
  Filled out;
  const std::uint64_t step =
      std::max<std::uint64_t>(entries / std::max<std::size_t>(ids_wanted, 1), 1);
  while (log.size() < entries) {
    std::vector<Bytes> batch;
    // Batches of a busy log do not end where bundles do; the last one ends at the size asked for.
    const std::uint64_t count = std::min<std::uint64_t>(kBatch, entries - log.size());
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t number = log.size() + i;
      batch.push_back(maker.numbered(number));
      if (number % step == 0) out.some_ids.push_back(hex_encode(sha256(batch.back())));
    }
    WITAN_TRY(log.append(batch));
  }
  WITAN_TRY(log.finish());
  out.entries = log.size();
  out.statement_bytes = log.statement_bytes();
  out.seconds = since.seconds();
  return out;
}

std::vector<Bytes> sign_statements(const PrivateKey& key, std::size_t count) {
  std::vector<Bytes> out(count);
  const std::size_t threads = std::max(std::thread::hardware_concurrency(), 1u);
  std::vector<std::thread> running;
  for (std::size_t t = 0; t < threads; ++t) {
    running.emplace_back([&, t] {
      for (std::size_t i = t; i < count; i += threads) out[i] = signed_statement(key, i);
    });
  }
  for (std::thread& thread : running) thread.join();
  return out;
}

}  // namespace witan::bench
