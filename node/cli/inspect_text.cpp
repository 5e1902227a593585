// Text formats: notes, vkeys, tlog-proofs, tlog-policies, hexadecimal, JSON.

#include <algorithm>
#include <ctime>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/cosignature.h"
#include "ledger/format/tlog_proof.h"
#include "node/cli/inspect_parts.h"
#include "witness/tlog_policy.h"

namespace witan::cli {
namespace {

constexpr std::string_view kSignatureStart = "\n\xe2\x80\x94 ";

std::string_view algorithm_name(NoteAlgorithm algorithm) {
  switch (algorithm) {
    case NoteAlgorithm::kEd25519:
      return "Ed25519";
    case NoteAlgorithm::kEcdsa:
      return "ECDSA P-256";
    case NoteAlgorithm::kCosignatureEd25519:
      return "Ed25519 cosignature";
    case NoteAlgorithm::kRfc6962:
      return "RFC 6962 tree head";
    case NoteAlgorithm::kMlDsa44:
      return "ML-DSA-44 cosignature";
  }
  return "unknown";
}

std::uint64_t big_endian(BytesView bytes) {
  std::uint64_t out = 0;
  for (const std::uint8_t byte : bytes.first(8)) out = out << 8 | byte;
  return out;
}

// A signature line does not say its algorithm; its length and shape do.
std::optional<NoteAlgorithm> guess_algorithm(BytesView signature) {
  constexpr std::size_t kMlDsa44Bytes = 2'420;
  const std::size_t size = signature.size();
  if (size == 64) return NoteAlgorithm::kEd25519;
  if (size == 8 + kMlDsa44Bytes) return NoteAlgorithm::kMlDsa44;
  // DER: SEQUENCE over all of the rest.
  if (size >= 8 && size <= 72 && signature[0] == 0x30 && signature[1] == size - 2) {
    return NoteAlgorithm::kEcdsa;
  }
  // Milliseconds, then TLS's DigitallySigned: SHA-256, RSA or ECDSA, and a length.
  if (size >= 12 && signature[8] == 4 && (signature[9] == 1 || signature[9] == 3) &&
      (signature[10] << 8 | signature[11]) == static_cast<int>(size - 12)) {
    return NoteAlgorithm::kRfc6962;
  }
  if (size == 72) return NoteAlgorithm::kCosignatureEd25519;
  return std::nullopt;
}

Json describe_signature(const NoteSignature& signature) {
  Json out;
  out["name"] = signature.name;
  out["key_id"] = hex_encode(signature.id);
  const auto algorithm = guess_algorithm(signature.signature);
  out["algorithm_guess"] = algorithm ? std::string(algorithm_name(*algorithm)) : "unknown";
  const BytesView bytes(signature.signature);
  if (algorithm == NoteAlgorithm::kRfc6962) {
    out["timestamp_ms"] = big_endian(bytes);
    out["time"] = utc_time(static_cast<std::int64_t>(big_endian(bytes) / 1'000));
  } else if (algorithm == NoteAlgorithm::kCosignatureEd25519 ||
             algorithm == NoteAlgorithm::kMlDsa44) {
    if (const auto split = split_timestamped_signature(bytes)) {
      out["timestamp"] = split->time_s;
      out["time"] = utc_time(static_cast<std::int64_t>(split->time_s));
    }
  }
  out["bytes"] = signature.signature.size();
  return out;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty() && line.front() != '#') out.push_back(line);
  }
  return out;
}

std::optional<Json> inspect_vkeys(std::string_view text) {
  Json keys = Json::array();
  for (const std::string_view line : lines_of(text)) {
    const auto key = VerifierKey::parse(line);
    if (!key) return std::nullopt;
    keys.push_back(describe_vkey(*key));
  }
  if (keys.empty()) return std::nullopt;
  if (keys.size() > 1) return Json{{"type", "vkeys"}, {"keys", std::move(keys)}};
  Json out{{"type", "vkey"}};
  out.update(keys.front());
  return out;
}

std::optional<Json> inspect_tlog_proof(std::string_view text) {
  const auto proof = TlogProof::parse(text);
  if (!proof) return std::nullopt;
  Json out{{"type", "tlog-proof"}, {"leaf_index", proof->index.value}};
  if (proof->extra) out["extra"] = describe_bytes(*proof->extra);
  out["path"] = Json::array();
  for (const Hash32& hash : proof->path) out["path"].push_back(hex_encode(hash));
  const auto note = Note::parse(proof->checkpoint);
  out["checkpoint"] = note ? inspect_note(*note) : Json(proof->checkpoint);
  return out;
}

std::optional<Json> inspect_tlog_policy(std::string_view text) {
  const auto lines = lines_of(text);
  const auto is_directive = [](std::string_view line) {
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    return word == "log" || word == "witness" || word == "group" || word == "quorum";
  };
  if (lines.empty() || !std::all_of(lines.begin(), lines.end(), is_directive)) return std::nullopt;
  const auto policy = TlogPolicy::parse(text);
  if (!policy) {
    return Json{{"type", "tlog-policy"}, {"not_valid", policy.error().message}};
  }
  Json out{{"type", "tlog-policy"},
           {"logs", Json::array()},
           {"witnesses", Json::array()},
           {"groups", Json::array()}};
  for (const auto& log : policy->logs) {
    Json entry = describe_vkey(log.key);
    if (!log.url.empty()) entry["url"] = log.url;
    out["logs"].push_back(std::move(entry));
  }
  for (const auto& witness : policy->witnesses) {
    Json entry{{"witness", witness.name}};
    entry.update(describe_vkey(witness.key));
    if (!witness.url.empty()) entry["url"] = witness.url;
    out["witnesses"].push_back(std::move(entry));
  }
  for (const auto& group : policy->groups) {
    out["groups"].push_back(
        {{"group", group.name}, {"threshold", group.threshold}, {"members", group.members}});
  }
  out["quorum"] = policy->quorum;
  return out;
}

std::optional<Json> inspect_hex(std::string_view text, const std::string& file_name) {
  std::string digits;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    digits += c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  const auto bytes = hex_decode(digits);
  if (!bytes || bytes->empty()) return std::nullopt;
  // One level: hexadecimal of hexadecimal is only text.
  Json content{{"type", "bytes"}, {"size", bytes->size()}, {"content", describe_bytes(*bytes)}};
  if (auto known = inspect_binary(*bytes, file_name)) content = *std::move(known);
  return Json{{"type", "hexadecimal"}, {"bytes", bytes->size()}, {"content", std::move(content)}};
}

std::optional<Json> inspect_json(std::string_view text) {
  if (text.empty() || (text.front() != '{' && text.front() != '[')) return std::nullopt;
  // What lies deeper is left out: printing follows the nesting.
  constexpr int kDepthMax = 64;
  const auto is_shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kDepthMax; };
  Json value = Json::parse(text, is_shallow, false);
  if (value.is_discarded()) return std::nullopt;
  return Json{{"type", "json"}, {"content", std::move(value)}};
}

}  // namespace

Json describe_vkey(const VerifierKey& key) {
  return {{"name", key.name},
          {"key_id", hex_encode(key.id)},
          {"algorithm", std::string(algorithm_name(key.algorithm))},
          {"key", hex_encode(key.key)},
          {"vkey", key.text()}};
}

Json inspect_note(const Note& note) {
  Json out{{"type", "note"}};
  if (const auto checkpoint = Checkpoint::parse(note.text)) {
    out = {{"type", "checkpoint"},
           {"origin", checkpoint->origin},
           {"size", checkpoint->size.value},
           {"root", hex_encode(checkpoint->root)}};
    if (!checkpoint->extensions.empty()) out["extensions"] = checkpoint->extensions;
  } else {
    out["text"] = note.text;
  }
  out["signatures"] = Json::array();
  for (const NoteSignature& signature : note.signatures) {
    out["signatures"].push_back(describe_signature(signature));
  }
  return out;
}

std::string utc_time(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  if (gmtime_r(&time, &parts) == nullptr) return std::to_string(seconds) + " s";
  std::string out(64, '\0');
  out.resize(std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
  return out;
}

std::string describe_bytes(BytesView bytes) {
  const auto is_plain = [](std::uint8_t byte) { return byte >= 0x20 && byte < 0x7f; };
  if (!bytes.empty() && std::all_of(bytes.begin(), bytes.end(), is_plain)) {
    return "\"" + std::string(as_text(bytes)) + "\"";
  }
  return hex_encode(bytes);
}

std::optional<Json> inspect_text(std::string_view text, const std::string& file_name) {
  if (text.find("-----BEGIN ") == 0) return inspect_pem(text);
  if (text.find("c2sp.org/tlog-proof@") == 0) return inspect_tlog_proof(text);
  if (text.find(kSignatureStart) != std::string_view::npos) {
    if (const auto note = Note::parse(text)) return inspect_note(*note);
  }
  if (auto keys = inspect_vkeys(text)) return keys;
  if (auto policy = inspect_tlog_policy(text)) return policy;
  if (auto json = inspect_json(text)) return json;
  if (auto hex = inspect_hex(text, file_name)) return hex;
  if (auto toml = inspect_toml(text, file_name)) return toml;
  if (text.find("-----BEGIN ") != std::string_view::npos) return inspect_pem(text);
  return std::nullopt;
}

}  // namespace witan::cli
