#include <algorithm>
#include <cstdint>
#include <string>

#include "ledger/encoding.h"
#include "ledger/format/cbor.h"

namespace witan {
namespace {

constexpr std::size_t kBytesShownMax = 64;
constexpr std::size_t kTextShownMax = 1'024;
constexpr std::size_t kOutputMax = std::size_t{1} << 20;

void append_bytes(std::string& out, BytesView bytes) {
  const BytesView shown = bytes.first(std::min(bytes.size(), kBytesShownMax));
  out += "h'" + hex_encode(shown);
  if (shown.size() < bytes.size()) out += "... " + std::to_string(bytes.size()) + " bytes";
  out += "'";
}

// A terminal would take these for commands.
void append_control(std::string& out, std::uint8_t code) {
  const std::uint8_t bytes[] = {code};
  out += "\\u00" + hex_encode(bytes);
}

void append_text(std::string& out, std::string_view text) {
  std::size_t shown = std::min(text.size(), kTextShownMax);
  // Not in the middle of a character.
  while (shown < text.size() && shown > 0 &&
         (static_cast<unsigned char>(text[shown]) & 0xc0) == 0x80) {
    --shown;
  }
  out += '"';
  for (std::size_t i = 0; i < shown; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < shown ? static_cast<unsigned char>(text[i + 1]) : std::uint8_t{0};
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte < 0x20 || byte == 0x7f) {
      append_control(out, byte);
    } else if (byte == 0xc2 && next < 0xa0) {
      append_control(out, next);
      ++i;
    } else {
      out += text[i];
    }
  }
  if (shown < text.size()) out += "... " + std::to_string(text.size()) + " bytes";
  out += '"';
}

// CBOR's negative integers reach -2^64, one beyond what 64 bits hold.
std::string negative(BytesView encoded, CborReader& reader) {
  if (auto value = reader.read_integer()) return std::to_string(*value);
  std::uint64_t magnitude = 0;
  for (const std::uint8_t byte : encoded.subspan(1)) magnitude = magnitude << 8 | byte;
  if (magnitude == UINT64_MAX) return "-18446744073709551616";
  return "-" + std::to_string(magnitude + 1);
}

// Recursion ends at kCborDepthMax, which the reader has checked.
class Printer {
 public:
  explicit Printer(CborReader reader) : reader_(std::move(reader)) {}

  Result<std::string> run() {
    WITAN_TRY(item());
    return std::move(out_);
  }

 private:
  Result<void> item() {
    if (out_.size() > kOutputMax) {
      return fail(ErrorCode::kTooLarge,
                  "CBOR diagnostic notation above " + std::to_string(kOutputMax) + " bytes");
    }
    switch (reader_.peek()) {
      case CborType::kUnsigned: {
        WITAN_ASSIGN(const std::uint64_t value, reader_.read_unsigned());
        out_ += std::to_string(value);
        return {};
      }
      case CborType::kNegative: {
        CborReader here = reader_;
        out_ += negative(here.skip(), reader_);
        reader_ = std::move(here);
        return {};
      }
      case CborType::kBytes: {
        WITAN_ASSIGN(const BytesView value, reader_.read_bytes());
        append_bytes(out_, value);
        return {};
      }
      case CborType::kText: {
        WITAN_ASSIGN(const std::string_view value, reader_.read_text());
        append_text(out_, value);
        return {};
      }
      case CborType::kArray:
        return container(reader_.read_array(), false);
      case CborType::kMap:
        return container(reader_.read_map(), true);
      case CborType::kTag: {
        WITAN_ASSIGN(const std::uint64_t number, reader_.read_tag());
        out_ += std::to_string(number) + "(";
        WITAN_TRY(item());
        out_ += ")";
        return {};
      }
      case CborType::kBool: {
        WITAN_ASSIGN(const bool value, reader_.read_bool());
        out_ += value ? "true" : "false";
        return {};
      }
      case CborType::kNull:
        out_ += "null";
        break;
      case CborType::kUndefined:
        out_ += "undefined";
        break;
    }
    reader_.skip();
    return {};
  }

  Result<void> container(const Result<std::size_t>& size, bool is_map) {
    if (!size) return fail(size.error());
    out_ += is_map ? "{" : "[";
    for (std::size_t i = 0; i < *size; ++i) {
      if (i > 0) out_ += ", ";
      WITAN_TRY(item());
      if (!is_map) continue;
      out_ += ": ";
      WITAN_TRY(item());
    }
    reader_.end_container();
    out_ += is_map ? "}" : "]";
    return {};
  }

  CborReader reader_;
  std::string out_;
};

}  // namespace

Result<std::string> cbor_diagnostic(BytesView bytes) {
  WITAN_ASSIGN(CborReader reader, CborReader::make(bytes, {.minimal = false, .indefinite = true}));
  return Printer(std::move(reader)).run();
}

}  // namespace witan
