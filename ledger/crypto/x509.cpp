#include "ledger/crypto/x509.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <new>
#include <stdexcept>
#include <utility>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "config/limits.h"
#include "ledger/crypto/x509_extension.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

template <auto Function>
struct Free {
  template <typename T>
  void operator()(T* pointer) const {
    Function(pointer);
  }
};
struct FreeOpenssl {
  void operator()(unsigned char* pointer) const { OPENSSL_free(pointer); }
};

using X509Pointer = std::unique_ptr<X509, Free<X509_free>>;
using BioPointer = std::unique_ptr<BIO, Free<BIO_free_all>>;
using StoreContextPointer = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;
using NamesPointer = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;
using UsagePointer = std::unique_ptr<EXTENDED_KEY_USAGE, Free<EXTENDED_KEY_USAGE_free>>;
using StringPointer = std::unique_ptr<ASN1_STRING, Free<ASN1_STRING_free>>;
using OpensslText = std::unique_ptr<unsigned char, FreeOpenssl>;

// A stack that borrows its certificates.
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using StackPointer = std::unique_ptr<STACK_OF(X509), FreeStack>;

std::string dotted(const ASN1_OBJECT* object) {
  std::array<char, 256> text{};
  const int length = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
  if (length <= 0) return {};
  if (static_cast<std::size_t>(length) < text.size()) return {text.data()};
  // Longer than any real identifier: never equal to one that somebody asks for.
  return {};
}

std::string attribute_label(const ASN1_OBJECT* object) {
  switch (OBJ_obj2nid(object)) {
    case NID_commonName:
      return "CN";
    case NID_localityName:
      return "L";
    case NID_stateOrProvinceName:
      return "ST";
    case NID_organizationName:
      return "O";
    case NID_organizationalUnitName:
      return "OU";
    case NID_countryName:
      return "C";
    case NID_streetAddress:
      return "STREET";
    default:
      return dotted(object);
  }
}

std::string ia5_text(const ASN1_IA5STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

}  // namespace

struct Certificate::Impl {
  Impl(X509Pointer x509_in, Bytes der_in, PublicKey key_in)
      : x509(std::move(x509_in)), der(std::move(der_in)), key(std::move(key_in)) {}
  X509Pointer x509;
  Bytes der;
  PublicKey key;
};

Result<Certificate> Certificate::from_der(BytesView der) {
  if (der.size() > limits::kCertificateBytesMax) {
    return fail(ErrorCode::kTooLarge, "certificate of " + std::to_string(der.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kCertificateBytesMax));
  }
  const unsigned char* cursor = der.data();
  X509Pointer x509(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())));
  // The queue of errors is per thread; what is left in it would confuse others.
  ERR_clear_error();
  if (!x509) return fail(ErrorCode::kMalformed, "not a DER certificate");
  if (cursor != der.data() + der.size()) {
    return fail(ErrorCode::kMalformed,
                "certificate: " + std::to_string(der.data() + der.size() - cursor) +
                    " bytes after its end");
  }
  // Reads the extensions once, here, and reports those that contradict themselves.
  if ((X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) != 0) {
    ERR_clear_error();
    return fail(ErrorCode::kMalformed, "certificate: extensions are not well-formed");
  }
  unsigned char* spki = nullptr;
  const int spki_size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509.get()), &spki);
  if (spki_size <= 0) {
    ERR_clear_error();
    return fail(ErrorCode::kMalformed, "certificate: no readable public key");
  }
  const OpensslText owner(spki);
  auto key = PublicKey::from_spki(BytesView(spki, static_cast<std::size_t>(spki_size)));
  if (!key) return fail(key.error().within("certificate"));
  return Certificate(std::make_shared<const Impl>(std::move(x509), to_bytes(der), *std::move(key)));
}

Result<std::vector<Certificate>> Certificate::from_pem(std::string_view pem) {
  if (pem.size() > limits::kPemFileBytesMax) {
    return fail(ErrorCode::kTooLarge, "PEM text of " + std::to_string(pem.size()) +
                                          " bytes, the limit is " +
                                          std::to_string(limits::kPemFileBytesMax));
  }
  const BioPointer bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) throw std::bad_alloc();
  std::vector<Certificate> out;
  while (true) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long size = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) break;
    const OpensslText name_owner(reinterpret_cast<unsigned char*>(name));
    const OpensslText header_owner(reinterpret_cast<unsigned char*>(header));
    const OpensslText data_owner(data);
    if (std::string_view(name) != "CERTIFICATE") continue;
    if (out.size() == limits::kCertificatesMax) {
      return fail(ErrorCode::kTooLarge, "more than " + std::to_string(limits::kCertificatesMax) +
                                            " certificates in one PEM text");
    }
    WITAN_ASSIGN(Certificate certificate,
                 from_der(BytesView(data, static_cast<std::size_t>(size))));
    out.push_back(std::move(certificate));
  }
  const unsigned long reason = ERR_peek_last_error();
  ERR_clear_error();
  if (ERR_GET_LIB(reason) != ERR_LIB_PEM || ERR_GET_REASON(reason) != PEM_R_NO_START_LINE) {
    return fail(ErrorCode::kMalformed, "PEM text: a block that cannot be read");
  }
  if (out.empty()) {
    return fail(ErrorCode::kMalformed,
                "PEM text: expected -----BEGIN CERTIFICATE-----, found none");
  }
  return out;
}

BytesView Certificate::der() const {
  return impl_->der;
}

const PublicKey& Certificate::public_key() const {
  return impl_->key;
}

Bytes Certificate::fingerprint(HashFunction hash) const {
  return digest(hash, impl_->der);
}

Result<std::vector<std::pair<std::string, std::string>>> Certificate::subject() const {
  std::vector<std::pair<std::string, std::string>> out;
  const X509_NAME* name = X509_get_subject_name(impl_->x509.get());
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    const OpensslText owner(text);
    if (size < 0) {
      ERR_clear_error();
      return fail(ErrorCode::kMalformed, "certificate subject: a value that is no text");
    }
    out.emplace_back(
        attribute_label(X509_NAME_ENTRY_get_object(entry)),
        std::string(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)));
  }
  return out;
}

Result<std::vector<SubjectAltName>> Certificate::subject_alt_names() const {
  int critical = -1;
  const NamesPointer names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(impl_->x509.get(), NID_subject_alt_name, &critical, nullptr)));
  std::vector<SubjectAltName> out;
  if (!names) {
    ERR_clear_error();
    if (critical == -1) return out;
    return fail(ErrorCode::kMalformed, "certificate: subjectAltName cannot be read");
  }
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
    SubjectAltName entry;
    if (type == GEN_DIRNAME) {
      entry.type = SubjectAltName::Type::kDirectoryName;
    } else if (type == GEN_EMAIL || type == GEN_DNS || type == GEN_URI) {
      entry.type = type == GEN_EMAIL ? SubjectAltName::Type::kEmail
                   : type == GEN_DNS ? SubjectAltName::Type::kDns
                                     : SubjectAltName::Type::kUri;
      entry.value = ia5_text(static_cast<const ASN1_IA5STRING*>(value));
      if (entry.value.find('\0') != std::string::npos) {
        return fail(ErrorCode::kMalformed, "certificate: subjectAltName holds a NUL");
      }
    }
    out.push_back(std::move(entry));
  }
  return out;
}

std::optional<std::vector<std::string>> Certificate::extended_key_usage() const {
  const UsagePointer usage(static_cast<EXTENDED_KEY_USAGE*>(
      X509_get_ext_d2i(impl_->x509.get(), NID_ext_key_usage, nullptr, nullptr)));
  if (!usage) {
    ERR_clear_error();
    return std::nullopt;
  }
  std::vector<std::string> out;
  out.reserve(static_cast<std::size_t>(std::max(0, sk_ASN1_OBJECT_num(usage.get()))));
  for (int i = 0; i < sk_ASN1_OBJECT_num(usage.get()); ++i) {
    out.push_back(dotted(sk_ASN1_OBJECT_value(usage.get(), i)));
  }
  return out;
}

KeyUsage Certificate::key_usage() const {
  if ((X509_get_extension_flags(impl_->x509.get()) & EXFLAG_KUSAGE) == 0) return {};
  const std::uint32_t bits = X509_get_key_usage(impl_->x509.get());
  return {.present = true,
          .digital_signature = (bits & KU_DIGITAL_SIGNATURE) != 0,
          .key_agreement = (bits & KU_KEY_AGREEMENT) != 0};
}

Result<std::optional<std::string>> Certificate::fulcio_issuer() const {
  for (const char* oid : {"1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1"}) {
    WITAN_ASSIGN(const std::optional<Bytes> content, certificate_extension(*this, oid));
    if (!content) continue;
    BytesView value(*content);
    StringPointer text;
    if (std::string_view(oid).back() == '8') {
      const unsigned char* cursor = value.data();
      text.reset(d2i_ASN1_UTF8STRING(nullptr, &cursor, static_cast<long>(value.size())));
      ERR_clear_error();
      if (!text || cursor != value.data() + value.size()) {
        return fail(ErrorCode::kMalformed, "certificate: the Fulcio issuer is no UTF8String");
      }
      value = BytesView(ASN1_STRING_get0_data(text.get()),
                        static_cast<std::size_t>(ASN1_STRING_length(text.get())));
    }
    if (!is_utf8(value)) {
      return fail(ErrorCode::kMalformed, "certificate: the Fulcio issuer is not UTF-8");
    }
    return std::string(as_text(value));
  }
  return std::nullopt;
}

namespace {

StackPointer make_stack(std::span<const Certificate> certificates) {
  StackPointer stack(sk_X509_new_null());
  if (!stack) throw std::bad_alloc();
  for (const Certificate& certificate : certificates) {
    if (sk_X509_push(stack.get(), certificate.impl().x509.get()) <= 0) throw std::bad_alloc();
  }
  return stack;
}

// What OpenSSL leaves open without its strict mode: every issuer must say that it is a CA by basic
// constraints. (Strict mode in turn refuses real chains for lesser faults.)
Result<void> check_issuers(STACK_OF(X509) * path) {
  for (int i = 1; i < sk_X509_num(path); ++i) {
    constexpr int kBasicConstraintsCa = 1;
    if (X509_check_ca(sk_X509_value(path, i)) != kBasicConstraintsCa) {
      return fail(ErrorCode::kBadIdentity, "certificate chain: certificate " + std::to_string(i) +
                                               " issues another without being marked as a CA");
    }
  }
  return {};
}

}  // namespace

Result<void> verify_chain(std::span<const Certificate> chain, std::span<const Certificate> anchors,
                          const ChainOptions& options) {
  if (chain.empty()) return fail(ErrorCode::kBadIdentity, "certificate chain: it is empty");
  if (chain.size() > limits::kCertificatesMax) {
    return fail(ErrorCode::kBadIdentity, "certificate chain: " + std::to_string(chain.size()) +
                                             " certificates, the limit is " +
                                             std::to_string(limits::kCertificatesMax));
  }
  const StackPointer trusted = make_stack(anchors);
  const StackPointer untrusted = make_stack(chain.subspan(1));
  const StoreContextPointer context(X509_STORE_CTX_new());
  if (!context || X509_STORE_CTX_init(context.get(), nullptr, chain[0].impl().x509.get(),
                                      untrusted.get()) != 1) {
    throw std::bad_alloc();
  }
  X509_STORE_CTX_set0_trusted_stack(context.get(), trusted.get());
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (options.time_s) {
    X509_VERIFY_PARAM_set_time(param, static_cast<std::time_t>(*options.time_s));
  } else {
    flags |= X509_V_FLAG_NO_CHECK_TIME;
  }
  X509_VERIFY_PARAM_set_flags(param, flags);
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
  X509_VERIFY_PARAM_set_depth(param, static_cast<int>(limits::kCertificatesMax));
  constexpr int kLevel112Bits = 2;
  X509_VERIFY_PARAM_set_auth_level(param, kLevel112Bits);

  const int verified = X509_verify_cert(context.get());
  ERR_clear_error();
  if (verified != 1) {
    const int reason = X509_STORE_CTX_get_error(context.get());
    return fail(ErrorCode::kBadIdentity,
                "certificate chain: " + std::string(X509_verify_cert_error_string(reason)) +
                    " (certificate " +
                    std::to_string(X509_STORE_CTX_get_error_depth(context.get())) + ")");
  }
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context.get());
  WITAN_TRY(check_issuers(path));
  if (!options.exact) return {};
  bool same = sk_X509_num(path) == static_cast<int>(chain.size());
  for (std::size_t i = 0; same && i < chain.size(); ++i) {
    same = X509_cmp(sk_X509_value(path, static_cast<int>(i)), chain[i].impl().x509.get()) == 0;
  }
  if (!same) {
    return fail(ErrorCode::kBadIdentity,
                "certificate chain: the given chain is not the validated path");
  }
  return {};
}

}  // namespace witan
