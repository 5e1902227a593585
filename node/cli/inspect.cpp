// witan inspect: what a file is and says, whoever made it.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <utility>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/crypto/secret.h"
#include "ledger/encoding.h"
#include "node/cli/cli.h"
#include "node/cli/inspect_parts.h"
#include "node/cli/options.h"
#include "node/cli/printable.h"

namespace witan::cli {
namespace {

struct InspectArguments {
  std::string file;
  bool json = false;
};

std::string scalar(const Json& value) {
  return value.is_string() ? printable(value.get_ref<const std::string&>()) : value.dump();
}

// "some_name" as "some name"; names may come from outside (JSON, header labels).
std::string spaced(const std::string& name) {
  std::string out = printable(name);
  std::replace(out.begin(), out.end(), '_', ' ');
  return out;
}

void add_lines(const Json& value, const std::string& indent, std::string& out) {
  for (const auto& item : value.items()) {
    const Json& child = item.value();
    const std::string label = value.is_array() ? "-" : spaced(item.key()) + ":";
    if (!child.is_structured()) {
      out += indent + label + " " + scalar(child) + "\n";
    } else if (child.empty()) {
      out += indent + label + " none\n";
    } else {
      out += indent + label + "\n";
      add_lines(child, indent + "  ", out);
    }
  }
}

// Bytes that begin as CBOR or DER do and happen to be UTF-8 are rare, text that parses as CBOR is
// not: so text comes first, unless it holds what no text does.
bool looks_like_text(BytesView content) {
  return is_utf8(content) && std::none_of(content.begin(), content.end(), [](std::uint8_t byte) {
           return byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t';
         });
}

Json describe_other_text(std::string_view text) {
  const auto lines = std::count(text.begin(), text.end(), '\n');
  return {{"type", "text"},
          {"bytes", text.size()},
          {"lines", lines},
          {"begins", std::string(text.substr(0, text.find('\n')))}};
}

Result<void> run_inspect(const InspectArguments& options) {
  WITAN_ASSIGN(std::string content, read_text_file(options.file, limits::kStatementBytesMax));
  const auto value = inspect_any(as_bytes(content), options.file);
  wipe(content);  // it may have been a private key
  if (!value) return fail(value.error());
  if (options.json) {
    std::printf("%s\n", value->dump(2, ' ', true, Json::error_handler_t::replace).c_str());
  } else {
    std::fputs(to_lines(*value).c_str(), stdout);
  }
  return {};
}

}  // namespace

std::string to_lines(const Json& value) {
  std::string out;
  if (value.is_structured()) {
    add_lines(value, "", out);
  } else {
    out = scalar(value) + "\n";
  }
  return out;
}

Result<Json> inspect_any(BytesView content, const std::string& file_name) {
  if (content.empty()) return fail(ErrorCode::kMalformed, file_name + ": the file is empty");
  const bool text = looks_like_text(content);
  if (text) {
    if (auto known = inspect_text(as_text(content), file_name)) return *std::move(known);
  }
  // Small CBOR (problem details, for one) may be valid UTF-8.
  if (!text || content.front() >= 0x80) {
    if (auto known = inspect_binary(content, file_name)) return *std::move(known);
  }
  if (text) return describe_other_text(as_text(content));
  const auto cbor = cbor_validate(content);
  return fail(ErrorCode::kMalformed,
              file_name + ": none of the known formats; as CBOR: " +
                  (cbor ? std::string("nothing that can be shown") : cbor.error().message));
}

void add_inspect(Verb& top) {
  auto options = std::make_shared<InspectArguments>();
  Verb& verb = top.verb(
      "inspect",
      "Show what a file says, without verifying it: signed and transparent statements, receipts,\n"
      "checkpoints and notes, tlog-proofs, vkeys, policies, trust files, keys, certificates, CBOR");
  verb.footer("Example: witan inspect app.receipt");
  verb.option("file", options->file, "The file").required();
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] {
    const auto result = run_inspect(*options);
    return result ? kExitDone : report("inspect", result.error());
  });
}

}  // namespace witan::cli
