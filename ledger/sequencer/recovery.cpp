#include "ledger/sequencer/recovery.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "config/limits.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"

namespace witan {

namespace {

std::string describe(TreeSize size, const Hash32& root) {
  return "size " + std::to_string(size.value) + " with root " + hex_encode(root);
}

Hash32 hash_at(BytesView hashes, std::size_t index) {
  Hash32 out{};
  const BytesView bytes = hashes.subspan(index * out.size(), out.size());
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

// The root of the full subtree of 2^height leaves from `start` on.
Result<Hash32> full_subtree(ReadView& view, std::uint64_t start, unsigned height) {
  const unsigned level = height / kTileHeight;
  const std::uint64_t first = start >> (level * kTileHeight);  // among the level's hashes
  const auto position = static_cast<std::uint32_t>(first % kTileWidth);
  const std::uint32_t count = 1u << (height % kTileHeight);
  WITAN_ASSIGN(const BytesView tile,
               view.tile(TileId{level, first / kTileWidth}, position + count));
  std::vector<Hash32> nodes;
  for (std::uint32_t i = 0; i < count; ++i) nodes.push_back(hash_at(tile, position + i));
  for (std::size_t width = count; width > 1; width /= 2) {
    for (std::size_t i = 0; i < width / 2; ++i) {
      nodes[i] = node_hash(nodes[2 * i], nodes[2 * i + 1]);
    }
  }
  return nodes.front();
}

// kConflict or kIo when the tree at the head's size has another root.
Result<void> check_root(ReadView& view, const TreeHead& head, ErrorCode code,
                        const std::string& whose) {
  WITAN_ASSIGN(const Frontier tree, frontier_from_tiles(view, head.size));
  if (tree.root() == head.root) return {};
  return fail(code, whose + " head is " + describe(head.size, head.root) +
                        ", the store's tiles give root " + hex_encode(tree.root()));
}

Result<void> check_sizes(TreeSize published, const SignerState& signer, TreeSize decided) {
  if (signer.size > decided) {
    return fail(ErrorCode::kStale, "the store is older than the enclave's state: it has " +
                                       std::to_string(decided.value) + " entries, the enclave " +
                                       std::to_string(signer.size.value));
  }
  if (signer.size < published) {
    return fail(ErrorCode::kStale, "the enclave's state is older than the published log: it has " +
                                       std::to_string(signer.size.value) +
                                       " entries, published are " +
                                       std::to_string(published.value));
  }
  if (signer.last && signer.last->head.size > signer.size) {
    return fail(ErrorCode::kConflict, "the enclave states a head of size " +
                                          std::to_string(signer.last->head.size.value) +
                                          " above its own size " +
                                          std::to_string(signer.size.value));
  }
  return {};
}

Result<std::vector<Hash32>> read_entries(ReadView& view, TreeSize from, TreeSize to) {
  std::vector<Hash32> out;
  out.reserve(to.value - from.value);
  for (std::uint64_t at = from.value; at < to.value;) {
    const std::uint64_t end = std::min(to.value, (at / kTileWidth + 1) * kTileWidth);
    const auto count = static_cast<std::uint32_t>(end - at);
    WITAN_ASSIGN(const BytesView bytes, view.entries(LeafIndex{at}, count));
    for (std::uint32_t i = 0; i < count; ++i) out.push_back(hash_at(bytes, i));
    at = end;
  }
  return out;
}

// The heads that the enclave has yet to sign, each as far on as one message reaches. Only the last
// one was decided as such; between it and the enclave's size any head of the same tree is as good.
Result<std::vector<TreeHead>> heads_to_sign(ReadView& view, const SequencerState& state) {
  std::vector<TreeHead> heads;
  if (state.signer == state.decided->size) return heads;
  WITAN_ASSIGN(Frontier tree, frontier_from_tiles(view, state.signer));
  for (std::uint64_t at = state.signer.value; at < state.decided->size.value; ++at) {
    tree.append(leaf_hash(state.unpublished[at - state.published.value]));
    const bool full = (at + 1 - state.signer.value) % limits::kAppendEntriesMax == 0;
    if (full || tree.size() == state.decided->size) {
      heads.push_back({tree.size(), tree.root(), state.decided->time_ms});
    }
  }
  return heads;
}

}  // namespace

Result<Frontier> frontier_from_tiles(ReadView& view, TreeSize size) {
  if (size.value > limits::kTreeSizeMax) {
    return fail(ErrorCode::kNotFound, "no tree has " + std::to_string(size.value) + " leaves");
  }
  std::vector<Hash32> hashes;
  std::uint64_t start = 0;
  for (unsigned bit = 63; bit-- > 0;) {
    const std::uint64_t width = std::uint64_t{1} << bit;
    if ((size.value & width) == 0) continue;
    WITAN_ASSIGN(const Hash32 hash, full_subtree(view, start, bit));
    hashes.push_back(hash);
    start += width;
  }
  return Frontier::restore(size, std::move(hashes));
}

Result<SequencerState> recover(ReadView& view, const SignerState& signer) {
  SequencerState state;
  WITAN_ASSIGN(state.decided, view.decided());
  WITAN_ASSIGN(const auto published, view.published());
  if (published) state.published = published->head.head.size;
  state.signer = signer.size;
  WITAN_TRY(check_sizes(state.published, signer, state.decided ? state.decided->size : TreeSize{}));
  if (!state.decided) return state;

  WITAN_TRY(check_root(view, *state.decided, ErrorCode::kIo, "the store is damaged: its decided"));
  if (published) {
    WITAN_TRY(check_root(view, published->head.head, ErrorCode::kIo,
                         "the store is damaged: a published"));
  }
  if (signer.last) {
    WITAN_TRY(check_root(view, signer.last->head, ErrorCode::kConflict, "the enclave's last"));
    if (signer.last->head.size > state.published) state.last = signer.last;
  }
  WITAN_ASSIGN(state.frontier, frontier_from_tiles(view, state.decided->size));
  WITAN_ASSIGN(state.unpublished, read_entries(view, state.published, state.decided->size));
  WITAN_ASSIGN(state.signer_lags, heads_to_sign(view, state));
  return state;
}

}  // namespace witan
