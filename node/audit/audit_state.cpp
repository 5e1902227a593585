#include "node/audit/audit_state.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/encoding.h"

namespace witan::audit {
namespace {

using nlohmann::json;

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kFileBytesMax = std::size_t{256} << 20;

tl::unexpected<Error> malformed(std::string_view member, std::string_view expected) {
  return fail(ErrorCode::kMalformed,
              "member \"" + std::string(member) + "\": expected " + std::string(expected));
}

std::string hex_of(const std::vector<Hash32>& hashes) {
  std::string out;
  for (const Hash32& hash : hashes) out += hex_encode(hash);
  return out;
}

Result<std::string> text_at(const json& from, const char* member) {
  const auto found = from.find(member);
  if (found == from.end() || !found->is_string()) return malformed(member, "a text");
  return found->get<std::string>();
}

Result<std::uint64_t> number_at(const json& from, const char* member) {
  const auto found = from.find(member);
  if (found == from.end() || !found->is_number_unsigned()) return malformed(member, "a number");
  return found->get<std::uint64_t>();
}

Result<Hash32> hash_at(const json& from, const char* member) {
  WITAN_ASSIGN(const std::string text, text_at(from, member));
  auto hash = hash_from_hex(text);
  if (!hash) return fail(hash.error().within(member));
  return hash;
}

Result<std::vector<Hash32>> hashes_from(const json& value, const char* member) {
  if (!value.is_string()) return malformed(member, "a text");
  auto bytes = hex_decode(value.get_ref<const std::string&>());
  if (!bytes) return fail(bytes.error().within(member));
  if (bytes->size() % 32 != 0) return malformed(member, "hashes of 32 bytes");
  std::vector<Hash32> out(bytes->size() / 32);
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(32 * i), 32, out[i].begin());
  }
  return out;
}

Result<void> read_levels(const json& from, AuditState& out) {
  const auto levels = from.find("levels");
  if (levels == from.end() || !levels->is_array() || levels->size() != kTileLevels) {
    return malformed("levels", std::to_string(kTileLevels) + " texts");
  }
  for (std::size_t level = 0; level < kTileLevels; ++level) {
    WITAN_ASSIGN(out.levels[level], hashes_from((*levels)[level], "levels"));
    const std::uint64_t expected = (out.size.value >> (kTileHeight * level)) % kTileWidth;
    if (out.levels[level].size() != expected) {
      return malformed("levels", std::to_string(expected) + " hashes at level " +
                                     std::to_string(level) + ", found " +
                                     std::to_string(out.levels[level].size()));
    }
  }
  return {};
}

Result<void> read_policies(const json& from, AuditState& out) {
  const auto policies = from.find("policies");
  if (policies == from.end() || !policies->is_array()) return malformed("policies", "an array");
  for (const json& policy : *policies) {
    if (!policy.is_object()) return malformed("policies", "objects");
    WITAN_ASSIGN(const std::uint64_t index, number_at(policy, "index"));
    WITAN_ASSIGN(const Hash32 entry, hash_at(policy, "entry"));
    const bool fits = out.policies.empty() ? index == 0 : index > out.policies.back().index;
    if (!fits || index >= out.size.value) return malformed("policies", "growing indices from 0");
    out.policies.push_back({index, entry});
  }
  if (out.policies.empty() != (out.size.value == 0)) {
    return malformed("policies", "entry 0 and what follows it");
  }
  return {};
}

}  // namespace

std::string encode_state(const AuditState& state) {
  json levels = json::array(), policies = json::array();
  for (const auto& level : state.levels) levels.push_back(hex_of(level));
  for (const PolicyEntry& policy : state.policies) {
    policies.push_back({{"index", policy.index}, {"entry", hex_encode(policy.entry)}});
  }
  const json out = {{"version", kVersion},
                    {"origin", state.origin},
                    {"vkey", state.vkey},
                    {"checkpoints", state.checkpoints},
                    {"size", state.size.value},
                    {"frontier", hex_of(state.frontier)},
                    {"levels", std::move(levels)},
                    {"keys_entry", hex_encode(state.keys_entry)},
                    {"policies", std::move(policies)}};
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Result<AuditState> parse_state(std::string_view text) {
  const json from = json::parse(text, nullptr, false);
  if (!from.is_object()) return fail(ErrorCode::kMalformed, "expected a JSON object");
  WITAN_ASSIGN(const std::uint64_t version, number_at(from, "version"));
  if (version != kVersion) return malformed("version", "1, found " + std::to_string(version));
  AuditState out;
  WITAN_ASSIGN(out.origin, text_at(from, "origin"));
  WITAN_ASSIGN(out.vkey, text_at(from, "vkey"));
  const auto notes = from.find("checkpoints");
  if (notes == from.end() || !notes->is_array() || notes->empty()) {
    return malformed("checkpoints", "at least one note");
  }
  for (const json& note : *notes) {
    if (!note.is_string()) return malformed("checkpoints", "texts");
    out.checkpoints.push_back(note.get<std::string>());
  }
  WITAN_ASSIGN(out.size.value, number_at(from, "size"));
  if (out.size.value % kTileWidth != 0 || out.size.value > limits::kTreeSizeMax) {
    return malformed("size", "a multiple of 256, found " + std::to_string(out.size.value));
  }
  const auto frontier = from.find("frontier");
  if (frontier == from.end()) return malformed("frontier", "a text");
  WITAN_ASSIGN(out.frontier, hashes_from(*frontier, "frontier"));
  const auto expected = static_cast<std::size_t>(std::popcount(out.size.value));
  if (out.frontier.size() != expected) {
    return malformed("frontier", std::to_string(expected) + " hashes, found " +
                                     std::to_string(out.frontier.size()));
  }
  WITAN_TRY(read_levels(from, out));
  WITAN_ASSIGN(out.keys_entry, hash_at(from, "keys_entry"));
  WITAN_TRY(read_policies(from, out));
  return out;
}

Result<AuditState> load_state(const std::string& file) {
  WITAN_ASSIGN(const std::string text, read_text_file(file, kFileBytesMax));
  auto state = parse_state(text);
  if (!state) {
    return fail(
        state.error().within(file + " is not the state of an audit (remove it to begin again)"));
  }
  return state;
}

Result<void> save_state(const std::string& file, const AuditState& state) {
  return write_file_atomic(file, encode_state(state), 0644);
}

}  // namespace witan::audit
