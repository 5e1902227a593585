#include "ledger/attestation/tdx_collateral.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "ledger/encoding.h"

namespace witan {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLevelsMax = 256;
constexpr std::size_t kTcbParts = 16;

struct StatusName {
  TdxTcbStatus status;
  std::string_view name;
};
constexpr std::array<StatusName, 7> kStatusNames = {
    {{TdxTcbStatus::kUpToDate, "UpToDate"},
     {TdxTcbStatus::kSwHardeningNeeded, "SWHardeningNeeded"},
     {TdxTcbStatus::kConfigurationNeeded, "ConfigurationNeeded"},
     {TdxTcbStatus::kConfigurationAndSwHardeningNeeded, "ConfigurationAndSWHardeningNeeded"},
     {TdxTcbStatus::kOutOfDate, "OutOfDate"},
     {TdxTcbStatus::kOutOfDateConfigurationNeeded, "OutOfDateConfigurationNeeded"},
     {TdxTcbStatus::kRevoked, "Revoked"}}};

tl::unexpected<Error> bad_collateral(std::string_view what) {
  return fail(ErrorCode::kMalformed, "TDX collateral: " + std::string(what));
}

// A member of an object; kMalformed when it is missing.
Result<const Json*> member(const Json& object, const char* name) {
  if (object.is_object()) {
    if (const auto found = object.find(name); found != object.end()) return &*found;
  }
  return bad_collateral(std::string("\"") + name + "\" is missing");
}

Result<std::uint64_t> number_member(const Json& object, const char* name) {
  WITAN_ASSIGN(const Json* value, member(object, name));
  if (value->is_number_unsigned()) return value->get<std::uint64_t>();
  return bad_collateral(std::string("\"") + name + "\" is no number");
}

Result<std::string> text_member(const Json& object, const char* name) {
  WITAN_ASSIGN(const Json* value, member(object, name));
  if (value->is_string()) return value->get<std::string>();
  return bad_collateral(std::string("\"") + name + "\" is no text");
}

// Hexadecimal in either case, of exactly that many bytes.
Result<Bytes> hex_member(const Json& object, const char* name, std::size_t size) {
  WITAN_ASSIGN(std::string text, text_member(object, name));
  for (char& c : text) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  auto bytes = hex_decode(text);
  if (!bytes || bytes->size() != size) {
    return bad_collateral(std::string("\"") + name + "\" is not hexadecimal of " +
                          std::to_string(size) + " bytes");
  }
  return bytes;
}

Result<const Json*> list_member(const Json& object, const char* name, std::size_t max) {
  WITAN_ASSIGN(const Json* value, member(object, name));
  if (!value->is_array() || value->size() > max) {
    return bad_collateral(std::string("\"") + name + "\" is no list of at most " +
                          std::to_string(max));
  }
  return value;
}

// Seconds since 1970 of "2023-06-18T08:42:58Z".
Result<std::int64_t> time_member(const Json& object, const char* name) {
  WITAN_ASSIGN(const std::string text, text_member(object, name));
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:ddZ";
  bool fits = text.size() == kShape.size();
  for (std::size_t i = 0; fits && i < kShape.size(); ++i) {
    fits = kShape[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == kShape[i];
  }
  if (!fits) return bad_collateral(std::string("\"") + name + "\" is no time in UTC");
  const auto number = [&](std::size_t at, std::size_t size) {
    int out = 0;
    for (const char c : text.substr(at, size)) out = 10 * out + (c - '0');
    return out;
  };
  const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!day.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 60) {
    return bad_collateral(std::string("\"") + name + "\" is no time in UTC");
  }
  const std::int64_t days = std::chrono::sys_days(day).time_since_epoch().count();
  return ((days * 24 + number(11, 2)) * 60 + number(14, 2)) * 60 + number(17, 2);
}

Result<void> check_period(const Json& body, std::int64_t time_s) {
  WITAN_ASSIGN(const std::int64_t issued, time_member(body, "issueDate"));
  WITAN_ASSIGN(const std::int64_t next, time_member(body, "nextUpdate"));
  if (time_s >= issued && time_s <= next) return {};
  return fail(ErrorCode::kStale, "TDX collateral: it is good from " + std::to_string(issued) +
                                     " to " + std::to_string(next) + ", not at " +
                                     std::to_string(time_s) + " (seconds since 1970)");
}

// The body of a response about that subject, at that time.
Result<Json> read_body(const TdxSignedResponse& response, std::string_view id,
                       std::uint64_t version, std::int64_t time_s) {
  Json body = Json::parse(response.body, nullptr, false);
  if (!body.is_object()) return bad_collateral("the signed text is no JSON object");
  WITAN_ASSIGN(const std::string found, text_member(body, "id"));
  WITAN_ASSIGN(const std::uint64_t found_version, number_member(body, "version"));
  if (found != id || found_version != version) {
    return fail(ErrorCode::kUnsupported, "TDX collateral: \"" + found.substr(0, 64) +
                                             "\" of version " + std::to_string(found_version) +
                                             ", expected \"" + std::string(id) + "\" of version " +
                                             std::to_string(version));
  }
  WITAN_TRY(check_period(body, time_s));
  return body;
}

Result<TdxTcbStatus> status_of(const Json& level) {
  WITAN_ASSIGN(const std::string name, text_member(level, "tcbStatus"));
  for (const StatusName& known : kStatusNames) {
    if (known.name == name) return known.status;
  }
  return bad_collateral("unknown status \"" + name.substr(0, 64) + "\"");
}

tl::unexpected<Error> no_level(std::string_view what) {
  return fail(ErrorCode::kRefused,
              "TDX collateral: no level matches the " + std::string(what) + " of the quote");
}

// The status of the first level whose `isvsvn` is not above the one found: levels go downwards.
Result<TdxTcbStatus> isv_status(const Json& object, std::uint64_t svn, std::string_view what) {
  WITAN_ASSIGN(const Json* levels, list_member(object, "tcbLevels", kLevelsMax));
  for (const Json& level : *levels) {
    WITAN_ASSIGN(const Json* tcb, member(level, "tcb"));
    WITAN_ASSIGN(const std::uint64_t least, number_member(*tcb, "isvsvn"));
    if (svn >= least) return status_of(level);
  }
  return no_level(what);
}

// Whether all parts from `first` on are at least those of the level.
template <typename Parts>
Result<bool> reaches(const Json& tcb, const char* name, const Parts& found, std::size_t first) {
  WITAN_ASSIGN(const Json* parts, list_member(tcb, name, kTcbParts));
  if (parts->size() != kTcbParts) {
    return bad_collateral(std::string("\"") + name + "\" has not 16 parts");
  }
  bool all = true;
  for (std::size_t i = 0; i < kTcbParts; ++i) {
    WITAN_ASSIGN(const std::uint64_t least, number_member((*parts)[i], "svn"));
    all = all && (i < first || found[i] >= least);
  }
  return all;
}

// From version 1.5 on the module is judged by itself, and the first two parts are its versions.
bool module_apart(const TdxReport& report) {
  return report.tee_tcb_svn[1] != 0;
}

Result<TdxTcbStatus> level_status(const Json& body, const TdxReport& report,
                                  const TdxPlatform& platform) {
  WITAN_ASSIGN(const Json* levels, list_member(body, "tcbLevels", kLevelsMax));
  for (const Json& level : *levels) {
    WITAN_ASSIGN(const Json* tcb, member(level, "tcb"));
    WITAN_ASSIGN(const bool sgx, reaches(*tcb, "sgxtcbcomponents", platform.component_svn, 0));
    WITAN_ASSIGN(const std::uint64_t pce_svn, number_member(*tcb, "pcesvn"));
    WITAN_ASSIGN(const bool tdx, reaches(*tcb, "tdxtcbcomponents", report.tee_tcb_svn,
                                         module_apart(report) ? 2 : 0));
    if (sgx && tdx && platform.pce_svn >= pce_svn) return status_of(level);
  }
  return no_level("platform");
}

template <typename Found>
Result<void> check_masked(const Json& object, const char* name, const char* mask_name,
                          const Found& found) {
  WITAN_ASSIGN(const Bytes wanted, hex_member(object, name, found.size()));
  WITAN_ASSIGN(const Bytes mask, hex_member(object, mask_name, found.size()));
  for (std::size_t i = 0; i < found.size(); ++i) {
    if ((found[i] & mask[i]) != wanted[i]) {
      return fail(ErrorCode::kRefused, std::string("TDX collateral: the quote's \"") + name +
                                           "\" are " + hex_encode(found) + ", expected " +
                                           hex_encode(wanted) + " under the mask " +
                                           hex_encode(mask));
    }
  }
  return {};
}

Result<void> check_signer(const Json& object, BytesView found) {
  WITAN_ASSIGN(const Bytes wanted, hex_member(object, "mrsigner", found.size()));
  if (equal(wanted, found)) return {};
  return fail(ErrorCode::kRefused, "TDX collateral: the signer in the quote is " +
                                       hex_encode(found) + ", expected " + hex_encode(wanted));
}

// The description of the quote's TDX module, and its status.
Result<TdxTcbStatus> module_status(const Json& body, const TdxReport& report) {
  if (!module_apart(report)) {
    WITAN_ASSIGN(const Json* module, member(body, "tdxModule"));
    WITAN_TRY(check_signer(*module, report.mr_signer_seam));
    WITAN_TRY(check_masked(*module, "attributes", "attributesMask", report.seam_attributes));
    return TdxTcbStatus::kUpToDate;  // the levels of the platform judge it
  }
  const std::string id = "TDX_" + hex_encode(BytesView(report.tee_tcb_svn).subspan(1, 1));
  WITAN_ASSIGN(const Json* modules, list_member(body, "tdxModuleIdentities", kLevelsMax));
  for (const Json& module : *modules) {
    WITAN_ASSIGN(const std::string found, text_member(module, "id"));
    if (found != id) continue;
    WITAN_TRY(check_signer(module, report.mr_signer_seam));
    WITAN_TRY(check_masked(module, "attributes", "attributesMask", report.seam_attributes));
    return isv_status(module, report.tee_tcb_svn[0], "TDX module");
  }
  return no_level("TDX module " + id);
}

}  // namespace

std::string_view to_string(TdxTcbStatus status) {
  for (const StatusName& known : kStatusNames) {
    if (known.status == status) return known.name;
  }
  return "unknown";
}

Result<TdxSignedResponse> TdxSignedResponse::parse(std::string_view json, std::string_view name) {
  if (json.size() > limits::kTdxCollateralBytesMax) {
    return fail(ErrorCode::kTooLarge, "TDX collateral: " + std::to_string(json.size()) +
                                          " bytes, expected at most " +
                                          std::to_string(limits::kTdxCollateralBytesMax));
  }
  const std::string begin = "{\"" + std::string(name) + "\":";
  constexpr std::string_view kBeforeSignature = ",\"signature\":\"";
  constexpr std::string_view kEnd = "\"}";
  TdxSignedResponse out;
  const std::size_t hex_size = 2 * out.signature.size();
  const std::size_t tail = kBeforeSignature.size() + hex_size + kEnd.size();
  if (!json.empty() && json.back() == '\n') json.remove_suffix(1);
  if (json.size() < begin.size() + tail || json.substr(0, begin.size()) != begin ||
      json.substr(json.size() - tail, kBeforeSignature.size()) != kBeforeSignature ||
      json.substr(json.size() - kEnd.size()) != kEnd) {
    return bad_collateral("expected " + begin + "...,\"signature\":\"...\"}");
  }
  out.body = json.substr(begin.size(), json.size() - begin.size() - tail);
  const auto signature = hex_decode(json.substr(json.size() - kEnd.size() - hex_size, hex_size));
  if (!signature) return fail(signature.error().within("TDX collateral: signature"));
  std::copy(signature->begin(), signature->end(), out.signature.begin());
  // One value alone, so that nothing stands between it and the signature.
  if (!Json::accept(out.body)) return bad_collateral("the signed text is no JSON");
  return out;
}

Result<TdxTcbStatus> tdx_platform_status(const TdxSignedResponse& tcb_info, const TdxReport& report,
                                         const TdxPlatform& platform, std::int64_t time_s) {
  WITAN_ASSIGN(const Json body, read_body(tcb_info, "TDX", 3, time_s));
  WITAN_ASSIGN(const Bytes fmspc, hex_member(body, "fmspc", platform.fmspc.size()));
  WITAN_ASSIGN(const Bytes pce_id, hex_member(body, "pceId", platform.pce_id.size()));
  if (!equal(fmspc, platform.fmspc) || !equal(pce_id, platform.pce_id)) {
    return fail(ErrorCode::kRefused, "TDX collateral: it is about platforms of the FMSPC " +
                                         hex_encode(fmspc) + ", the quote's has " +
                                         hex_encode(platform.fmspc));
  }
  WITAN_ASSIGN(const TdxTcbStatus module, module_status(body, report));
  WITAN_ASSIGN(const TdxTcbStatus level, level_status(body, report, platform));
  return tdx_converged_status(module, level);
}

Result<TdxTcbStatus> tdx_enclave_status(const TdxSignedResponse& qe_identity,
                                        const TdxQeReport& report, std::int64_t time_s) {
  WITAN_ASSIGN(const Json body, read_body(qe_identity, "TD_QE", 2, time_s));
  WITAN_TRY(check_signer(body, report.mr_signer));
  WITAN_TRY(check_masked(body, "miscselect", "miscselectMask", report.misc_select));
  WITAN_TRY(check_masked(body, "attributes", "attributesMask", report.attributes));
  WITAN_ASSIGN(const std::uint64_t product, number_member(body, "isvprodid"));
  if (product != report.isv_prod_id) {
    return fail(ErrorCode::kRefused, "TDX collateral: the quoting enclave is product " +
                                         std::to_string(report.isv_prod_id) + ", expected " +
                                         std::to_string(product));
  }
  return isv_status(body, report.isv_svn, "quoting enclave");
}

TdxTcbStatus tdx_converged_status(TdxTcbStatus a, TdxTcbStatus b) {
  const auto [better, worse] = std::minmax(a, b);
  const bool needs_configuration = better == TdxTcbStatus::kConfigurationNeeded ||
                                   better == TdxTcbStatus::kConfigurationAndSwHardeningNeeded;
  if (worse == TdxTcbStatus::kOutOfDate && needs_configuration) {
    return TdxTcbStatus::kOutOfDateConfigurationNeeded;
  }
  return worse;
}

}  // namespace witan
