#pragma once
// A log in memory, as a node serves it, that can also lie: properly signed heads over anything,
// changed answers, forks.

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/registration_policy.h"
#include "enclave/in_process.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/format/receipt.h"
#include "ledger/format/statement.h"
#include "ledger/ports/random.h"
#include "ledger/registration/policy.h"
#include "ledger/tree/proof.h"
#include "ledger/tree/tile.h"
#include "node/audit/auditor.h"
#include "node/audit/tree_audit.h"
#include "node/genesis.h"
#include "tests/support/catch.h"
#include "tests/support/memory_store.h"

namespace witan::test {

inline const std::string kAuditOrigin = "log.example/audit";

inline void put_uint(Bytes& out, std::size_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

class TestLog {
 public:
  using Lie = std::function<void(const std::string& path, Bytes& body)>;

  TestLog()
      : operator_key(std::make_shared<PrivateKey>(PrivateKey::generate(KeyKind::kEd25519).value())),
        issuer_key(std::make_shared<PrivateKey>(PrivateKey::generate(KeyKind::kEd25519).value())) {
    policy.admin_keys = {operator_key->public_key().pem()};
    policy.issuers = {{"https://issuer.example", {issuer_key->public_key().pem()}, {}, {}}};
    start_signer();
    REQUIRE(signer_->init(kAuditOrigin, "https://" + kAuditOrigin));
    MemoryStore store;
    const auto begun = begin_log(store, *signer_, *operator_key, Genesis{encode(policy), time_ms_});
    if (!begun) FAIL(begun.error().message);
    identity = signer_->attest({}).value();
    const auto view = store.read().value();
    for (std::uint64_t i = 0; i < 2; ++i) place(to_bytes(view->statement(LeafIndex{i}).value()));
    heads.push_back(view->published().value().value());
  }

  // The same log, same keys, that may go another way.
  [[nodiscard]] TestLog fork() const {
    TestLog out(*this);
    out.kept_ = std::make_shared<Bytes>(*kept_);
    out.start_signer(*out.kept_);
    return out;
  }

  [[nodiscard]] Bytes statement(const std::string& subject, const PrivateKey& key,
                                const std::string& type = "text/plain",
                                std::string_view payload = "x") const {
    StatementRequest request;
    request.issuer = "https://issuer.example";
    request.subject = subject;
    request.content_type = type;
    request.issued_at_s = static_cast<std::int64_t>(time_ms_ / 1000);
    request.payload = to_bytes(as_bytes(payload));
    return make_statement(request, key).value();
  }

  // One batch of statements, with a head over it.
  void add(const std::vector<Bytes>& batch_statements) {
    std::vector<Hash32> batch;
    const TreeSize before{entries.size()};
    for (const Bytes& bytes : batch_statements) {
      place(bytes);
      batch.push_back(entries.back());
    }
    time_ms_ += 1000;
    auto signed_head = signer_->append(before, batch, time_ms_);
    if (!signed_head) FAIL(signed_head.error().message);
    heads.push_back({*signed_head, checkpoint_note(identity, *signed_head).value()});
  }
  // Honest ones, in batches of at most 100.
  void grow(std::size_t count, const std::string& name = "pkg:") {
    while (count > 0) {
      std::vector<Bytes> batch;
      for (; count > 0 && batch.size() < 100; --count) {
        batch.push_back(
            statement(name + std::to_string(entries.size() + batch.size()), *issuer_key));
      }
      add(batch);
    }
  }
  [[nodiscard]] Bytes policy_statement(const RegistrationPolicyConfig& config,
                                       const PrivateKey& key) const {
    return statement(kAuditOrigin, key, std::string(kPolicyContentType), encode(config));
  }

  [[nodiscard]] std::string vkey() const {
    return VerifierKey::make(kAuditOrigin, NoteAlgorithm::kEd25519, identity.note_key)
        .value()
        .text();
  }
  [[nodiscard]] TreeSize size() const { return heads.back().head.head.size; }

  [[nodiscard]] Result<Bytes> get(const std::string& path) const {
    if (too_large && path.find(*too_large) != std::string::npos) {
      return fail(ErrorCode::kTooLarge, "expected HTTP status 200, found 413");
    }
    WITAN_ASSIGN(Bytes body, honest(path));
    if (lie) lie(path, body);
    return body;
  }

  std::shared_ptr<PrivateKey> operator_key, issuer_key;
  RegistrationPolicyConfig policy;
  SignerState identity;
  std::vector<Bytes> statements;
  std::vector<Hash32> entries, leaves;
  std::vector<PublishedHead> heads;
  Lie lie;
  std::optional<std::string> too_large;  // part of the paths that get 413

 private:
  TestLog(const TestLog& other)
      : operator_key(other.operator_key),
        issuer_key(other.issuer_key),
        policy(other.policy),
        identity(other.identity),
        statements(other.statements),
        entries(other.entries),
        leaves(other.leaves),
        heads(other.heads),
        kept_(other.kept_),
        index_(other.index_),
        time_ms_(other.time_ms_) {}

  void start_signer(std::optional<Bytes> state = {}) {
    const auto keep = [kept = kept_](std::uint64_t, BytesView bytes) -> Result<void> {
      *kept = to_bytes(bytes);
      return {};
    };
    std::optional<BytesView> view;
    if (state) view = *state;
    auto made = InProcessSigner::make(system_random(), keep, view);
    if (!made) FAIL(made.error().message);
    signer_ = std::move(*made);
  }

  void place(const Bytes& bytes) {
    statements.push_back(bytes);
    entries.push_back(sha256(bytes));
    leaves.push_back(leaf_hash(entries.back()));
    index_.emplace(hex_encode(entries.back()), entries.size() - 1);
  }

  [[nodiscard]] NodeReader nodes() const {
    return [this](NodeId id) -> Result<Hash32> {
      const std::size_t count = std::size_t{1} << id.level;
      return audit::root_of(std::span(leaves).subspan(id.index * count, count));
    };
  }

  [[nodiscard]] Bytes receipt(std::uint64_t index) const {
    const auto head = std::find_if(heads.begin(), heads.end(), [index](const PublishedHead& each) {
      return LeafIndex{index} < each.head.head.size;
    });
    const TreeSize at = head->head.head.size;
    return encode_inclusion_receipt(
        head->head.cose_protected, head->head.cose_signature,
        {at, LeafIndex{index}, inclusion_proof(LeafIndex{index}, at, nodes()).value()},
        head->checkpoint);
  }

  [[nodiscard]] Result<Bytes> honest(const std::string& path) const {
    if (path == "/checkpoint") return to_bytes(as_bytes(heads.back().checkpoint));
    if (path.starts_with("/entries/")) return entry(path.substr(9));
    WITAN_ASSIGN(const TilePath tile, parse_tile_path(std::string_view(path).substr(1)));
    if (tile_width(tile.tile, size()) < tile.width) return fail(ErrorCode::kNotFound, "404");
    Bytes out;
    for (std::uint64_t i = 0; i < tile.width; ++i) {
      const std::uint64_t at = tile.tile.index * kTileWidth + i;
      switch (tile.kind) {
        case TileKind::kHashes:
          append(out, nodes()({tile.tile.level * kTileHeight, at}).value());
          break;
        case TileKind::kEntries:
          put_uint(out, 32, 2);
          append(out, entries[at]);
          break;
        case TileKind::kStatements:
          put_uint(out, statements[at].size(), 4);
          append(out, statements[at]);
          break;
      }
    }
    return out;
  }

  [[nodiscard]] Result<Bytes> entry(const std::string& name) const {
    const auto found = index_.find(name.substr(0, 64));
    if (found == index_.end()) return fail(ErrorCode::kNotFound, "404");
    if (name.size() == 64) return receipt(found->second);
    const Bytes& bytes = statements[found->second];
    return embed_receipts(Statement::parse(bytes, bytes.size()).value(), {receipt(found->second)});
  }

  std::shared_ptr<Bytes> kept_ = std::make_shared<Bytes>();
  std::unique_ptr<InProcessSigner> signer_;
  std::map<std::string, std::uint64_t> index_;
  std::uint64_t time_ms_ = 1'700'000'000'000;
};

class TestLogReader final : public LogReader {
 public:
  explicit TestLogReader(const TestLog& log) : log_(log) {}
  Result<Bytes> get(std::string_view path, std::size_t) override {
    return log_.get(std::string(path));
  }

 private:
  const TestLog& log_;
};

inline Result<AuditReport> audit_of(const TestLog& log, AuditOptions options = {}) {
  options.threads = 2;
  options.connections = 2;
  return audit_log(
      [&log]() -> Result<std::unique_ptr<LogReader>> {
        return std::make_unique<TestLogReader>(log);
      },
      options);
}

// What an audit finds; empty when everything holds.
inline std::string finding_of(const TestLog& log, AuditOptions options = {}) {
  const auto report = audit_of(log, std::move(options));
  return report ? "" : report.error().message;
}

struct AuditFolder {
  AuditFolder() : path(std::filesystem::temp_directory_path() / name()) {
    std::filesystem::create_directories(path);
  }
  ~AuditFolder() { std::filesystem::remove_all(path); }
  AuditFolder(const AuditFolder&) = delete;
  AuditFolder& operator=(const AuditFolder&) = delete;
  static std::string name() {
    std::array<std::uint8_t, 8> random{};
    system_random().fill(random);
    return "witan-audit-" + hex_encode(random);
  }
  [[nodiscard]] std::string state() const { return (path / "audit.json").string(); }

  const std::filesystem::path path;
};

}  // namespace witan::test
