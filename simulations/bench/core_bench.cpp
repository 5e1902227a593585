// What one core does without a server: hashing, verifying a receipt, the enclave's append.

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>

#include "enclave/client.h"
#include "ledger/crypto/sha256.h"
#include "ledger/format/receipt.h"
#include "ledger/sequencer/recovery.h"
#include "ledger/store/lmdb_store.h"
#include "ledger/tree/frontier.h"
#include "node/receipts.h"
#include "simulations/bench/benches.h"
#include "simulations/bench/node.h"
#include "simulations/bench/stopwatch.h"

namespace witan::bench {
namespace {

constexpr int kCoreRounds = 7;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Of rates: whatever disturbs a round only makes it slower.
double best(const std::vector<double>& rates) {
  return *std::max_element(rates.begin(), rates.end());
}

// SHA-256 of 65 bytes as fast as OpenSSL's EVP gives it: one fetched digest, one context.
double evp_seconds(std::size_t count) {
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> digest(
      EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  std::array<std::uint8_t, 65> input{};
  Hash32 out{};
  const double before = thread_cpu_seconds();
  for (std::size_t i = 0; i < count; ++i) {
    if (EVP_DigestInit_ex2(context.get(), digest.get(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), input.data(), input.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), out.data(), nullptr) != 1) {
      throw std::runtime_error("OpenSSL does not hash");
    }
    std::copy(out.begin(), out.end(), input.begin() + 1);
  }
  return thread_cpu_seconds() - before;
}

double append_seconds(const std::vector<Hash32>& leaves) {
  Frontier frontier;
  const double before = thread_cpu_seconds();
  frontier.append(leaves);
  const double seconds = thread_cpu_seconds() - before;
  if (frontier.size().value != leaves.size()) throw std::logic_error("the frontier lost leaves");
  return seconds;
}

struct Log {
  std::unique_ptr<Store> store;
  std::vector<Hash32> entries;
  std::vector<Bytes> receipts;
};

Result<Log> some_receipts(const NodeFolder& folder, std::uint64_t size, std::size_t count) {
  Log log;
  WITAN_TRY(fill(folder, size, 0));
  WITAN_ASSIGN(log.store, open_lmdb_store(folder.paths.data()));
  TileCache tiles(64);
  WITAN_ASSIGN(const auto view, log.store->read());
  for (std::size_t i = 0; i < count; ++i) {
    const LeafIndex index{size / count * i};
    WITAN_ASSIGN(const auto located, locate(*view, tiles, index));
    if (!located) return fail(ErrorCode::kNotFound, "an entry has no published head");
    WITAN_ASSIGN(const Hash32 entry, view->entry(index));
    log.entries.push_back(entry);
    log.receipts.push_back(receipt_of(*located));
  }
  return log;
}

}  // namespace

Result<void> bench_tree(Report& report, const Scale& /*scale*/) {
  constexpr std::size_t kLeaves = std::size_t{1} << 20;
  std::vector<Hash32> leaves(kLeaves);
  for (std::size_t i = 0; i < kLeaves; ++i) leaves[i] = leaf_hash(as_bytes(std::to_string(i)));
  std::vector<double> tree, evp;
  for (int round = 0; round < kCoreRounds; ++round) {
    evp.push_back(static_cast<double>(kLeaves) / evp_seconds(kLeaves));
    tree.push_back(static_cast<double>(kLeaves) / append_seconds(leaves));
  }
  report.add({"tree", "leaf hashes appended to a frontier, one core", best(tree), "/s", Goal::kNone,
              0, Beside{"bare EVP hashes of 65 bytes", best(evp)}, 0.9});
  return {};
}

Result<void> bench_receipt_verify(Report& report, const Scale& /*scale*/) {
  constexpr std::uint64_t kSize = 65'536;
  constexpr std::size_t kReceipts = 512;
  const TemporaryFolder folder;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  WITAN_ASSIGN(const NodeFolder node_folder,
               NodeFolder::make(folder.path() / "node", key.public_key()));
  WITAN_ASSIGN(const Log log, some_receipts(node_folder, kSize, kReceipts));
  std::vector<double> all, signature;
  const Hash32 message{};
  WITAN_ASSIGN(const PrivateKey other, PrivateKey::generate(KeyKind::kP256));
  WITAN_ASSIGN(const Bytes signed_bytes, other.sign(Algorithm::kEs256, message));
  for (int round = 0; round < kCoreRounds; ++round) {
    double before = thread_cpu_seconds();
    for (std::size_t i = 0; i < kReceipts; ++i) {
      WITAN_ASSIGN(const Receipt receipt, Receipt::parse(log.receipts[i]));
      WITAN_TRY(verify_inclusion_receipt(receipt, log.entries[i], node_folder.receipt_key));
    }
    all.push_back((thread_cpu_seconds() - before) / kReceipts * 1e6);
    before = thread_cpu_seconds();
    for (std::size_t i = 0; i < kReceipts; ++i) {
      WITAN_TRY(other.public_key().verify(Algorithm::kEs256, message, signed_bytes));
    }
    signature.push_back((thread_cpu_seconds() - before) / kReceipts * 1e6);
  }
  report.add({"receipt-verify",
              "parse and verify a receipt offline, one core",
              median(all),
              "us",
              Goal::kAtMost,
              200,
              Beside{"one P-256 verification", median(signature)},
              {}});
  return {};
}

Result<void> bench_append(Report& report, const Scale& /*scale*/) {
  constexpr std::size_t kBatch = 256;
  constexpr std::size_t kAppends = 400;
  const TemporaryFolder folder;
  WITAN_ASSIGN(const auto enclave,
               EnclaveProcess::start(default_enclave_binary(), folder.path() / "enclave"));
  WITAN_TRY(enclave->init("bench.example/append", "https://bench.example"));
  std::vector<Hash32> entries(kBatch);
  TreeSize size;
  std::vector<double> took_ms;
  for (std::size_t i = 0; i < kAppends; ++i) {
    for (std::size_t j = 0; j < kBatch; ++j) {
      entries[j] = leaf_hash(as_bytes(std::to_string(i * kBatch + j)));
    }
    const Stopwatch since;
    WITAN_ASSIGN(const SignedHead head, enclave->append(size, entries, i + 1));
    took_ms.push_back(since.seconds() * 1e3);
    size = head.head.size;
  }
  std::sort(took_ms.begin(), took_ms.end());
  report.add({"append",
              "enclave: 256 entries, sealed and synced, median",
              median(took_ms),
              "ms",
              Goal::kAtMost,
              3,
              {},
              {}});
  report.add({"append",
              "the same, 99th percentile",
              took_ms[kAppends * 99 / 100],
              "ms",
              Goal::kNone,
              0,
              {},
              {}});
  return {};
}

}  // namespace witan::bench
