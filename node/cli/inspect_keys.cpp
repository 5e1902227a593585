// Keys and certificates, and TOML files that hold them.

#include <utility>

#include "config/registration_policy.h"
#include "config/toml_reader.h"
#include "config/trust_file.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "node/cli/inspect_parts.h"
#include "witness/tlog_policy.h"

namespace witan::cli {
namespace {

std::string_view san_name(SubjectAltName::Type type) {
  switch (type) {
    case SubjectAltName::Type::kEmail:
      return "email";
    case SubjectAltName::Type::kDns:
      return "dns";
    case SubjectAltName::Type::kUri:
      return "uri";
    case SubjectAltName::Type::kDirectoryName:
      return "directory name";
    case SubjectAltName::Type::kOther:
      return "other";
  }
  return "other";
}

// A PEM text as policies and trust files hold them, as one object.
Json describe_pem(const std::string& pem) {
  return inspect_pem(pem).value_or(Json{{"type", "pem"}, {"not_valid", "no key or certificate"}});
}

Json describe_pems(const std::vector<std::string>& pems) {
  Json out = Json::array();
  for (const std::string& pem : pems) out.push_back(describe_pem(pem));
  return out;
}

Json inspect_registration_policy(std::string_view text, const std::string& file_name) {
  Json out{{"type", "registration policy"}};
  const auto policy = parse_registration_policy(text, file_name);
  if (!policy) {
    out["not_valid"] = policy.error().message;
    return out;
  }
  out["admin_keys"] = describe_pems(policy->admin_keys);
  out["algorithms"] = policy->algorithms;
  out["max_statement_bytes"] = policy->max_statement_bytes;
  out["hash_envelope_only"] = policy->hash_envelope_only;
  out["subjects"] = policy->subjects;
  out["content_types"] = policy->content_types;
  out["check_time"] = policy->check_time == CheckTime::kIat ? "iat" : "none";
  out["issuers"] = Json::array();
  for (const IssuerRule& issuer : policy->issuers) {
    out["issuers"].push_back({{"name", issuer.name},
                              {"keys", describe_pems(issuer.keys)},
                              {"anchors", describe_pems(issuer.anchors)},
                              {"subjects", issuer.subjects}});
  }
  return out;
}

Json inspect_trust_file(const std::string& file_name) {
  Json out{{"type", "trust file"}};
  const auto trust = TrustFile::load(file_name);
  if (!trust) {
    out["not_valid"] = trust.error().message;
    return out;
  }
  if (trust->origin) out["origin"] = *trust->origin;
  if (trust->tlog_policy) {
    out["tlog_policy_from"] = trust->tlog_policy_source;
    const auto policy = inspect_text(*trust->tlog_policy, file_name);
    out["tlog_policy"] = policy ? *policy : Json(*trust->tlog_policy);
  }
  out["receipt_keys"] = describe_pems(trust->receipt_keys);
  if (trust->lowest_grade) out["lowest_grade"] = std::string(to_string(*trust->lowest_grade));
  out["issuers"] = Json::array();
  for (const TrustFile::Issuer& issuer : trust->issuers) {
    out["issuers"].push_back({{"name", issuer.name},
                              {"keys", describe_pems(issuer.keys)},
                              {"anchors", describe_pems(issuer.anchors)}});
  }
  return out;
}

Json inspect_certificates(std::string_view text) {
  const auto certificates = Certificate::from_pem(text);
  if (!certificates) {
    return {{"type", "certificate"}, {"not_valid", certificates.error().message}};
  }
  if (certificates->size() == 1) {
    Json out{{"type", "certificate"}};
    out.update(describe_certificate(certificates->front()));
    return out;
  }
  Json out{{"type", "certificate chain"}, {"certificates", Json::array()}};
  for (const Certificate& certificate : *certificates) {
    out["certificates"].push_back(describe_certificate(certificate));
  }
  return out;
}

}  // namespace

Json describe_key(const PublicKey& key) {
  return {{"kind", std::string(to_string(key.kind()))},
          {"thumbprint", hex_encode(cose_key_thumbprint(key))},
          {"spki_sha256", hex_encode(sha256(key.spki()))}};
}

Json describe_certificate(const Certificate& certificate) {
  Json out{{"sha256", hex_encode(certificate.fingerprint(HashFunction::kSha256))}};
  if (const auto subject = certificate.subject()) {
    std::string line;
    for (const auto& [label, value] : *subject) {
      if (!line.empty()) line += ", ";
      line += label;
      line += '=';
      line += value;
    }
    out["subject"] = std::move(line);
  }
  if (const auto names = certificate.subject_alt_names(); names && !names->empty()) {
    out["subject_alt_names"] = Json::array();
    for (const SubjectAltName& name : *names) {
      out["subject_alt_names"].push_back(std::string(san_name(name.type)) + ":" + name.value);
    }
  }
  if (const auto usages = certificate.extended_key_usage()) out["extended_key_usage"] = *usages;
  out["key"] = describe_key(certificate.public_key());
  return out;
}

std::optional<Json> inspect_pem(std::string_view text) {
  // A private key first: a file that also holds certificates must not hide that.
  if (text.find("PRIVATE KEY-----") != std::string_view::npos) {
    Json out{{"type", "private key"}};
    if (const auto key = PrivateKey::from_pem(text)) {
      out["kind"] = std::string(to_string(key->public_key().kind()));
      out["public_thumbprint"] = hex_encode(cose_key_thumbprint(key->public_key()));
    } else {
      out["not_valid"] = key.error().message;
    }
    return out;
  }
  if (text.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
    return inspect_certificates(text);
  }
  if (text.find("-----BEGIN PUBLIC KEY-----") == std::string_view::npos) return std::nullopt;
  Json out{{"type", "public key"}};
  if (const auto key = PublicKey::from_pem(text)) {
    out.update(describe_key(*key));
  } else {
    out["not_valid"] = key.error().message;
  }
  return out;
}

std::optional<Json> inspect_toml(std::string_view text, const std::string& file_name) {
  const auto root = TomlTable::parse(text, file_name);
  if (!root || root->keys().empty()) return std::nullopt;
  if (root->has("admin") || root->has("accept")) {
    return inspect_registration_policy(text, file_name);
  }
  if (root->has("log")) return inspect_trust_file(file_name);
  return Json{{"type", root->has("origin") && root->has("issuer") ? "node configuration" : "toml"},
              {"keys", root->keys()}};
}

}  // namespace witan::cli
