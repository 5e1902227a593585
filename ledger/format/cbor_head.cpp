#include "ledger/format/cbor_head.h"

#include <array>

#include <cbor.h>

namespace witan::detail {
namespace {

// What the callbacks fill. libcbor calls none for simple values that are not assigned.
struct Target {
  CborHead head;
  bool called = false;
};

void set(void* context, CborType type, std::uint64_t value) {
  auto* target = static_cast<Target*>(context);
  target->called = true;
  target->head.type = type;
  target->head.value = value;
}

void set_kind(void* context, CborHead::Kind kind) {
  auto* target = static_cast<Target*>(context);
  target->called = true;
  target->head.kind = kind;
}

template <CborType kType, typename T>
void on_number(void* context, T value) {
  set(context, kType, value);
}

template <CborType kType, typename Length>
void on_string(void* context, cbor_data data, Length length) {
  set(context, kType, length);
  static_cast<Target*>(context)->head.data = data;
}

template <CborType kType>
void on_simple(void* context) {
  set(context, kType, 0);
}

template <CborHead::Kind kKind>
void on_kind(void* context) {
  set_kind(context, kKind);
}

template <typename T>
void on_float(void* context, T) {
  set_kind(context, CborHead::Kind::kFloat);
}

cbor_callbacks make_callbacks() {
  using Kind = CborHead::Kind;
  cbor_callbacks out{};
  out.uint8 = on_number<CborType::kUnsigned>;
  out.uint16 = on_number<CborType::kUnsigned>;
  out.uint32 = on_number<CborType::kUnsigned>;
  out.uint64 = on_number<CborType::kUnsigned>;
  out.negint8 = on_number<CborType::kNegative>;
  out.negint16 = on_number<CborType::kNegative>;
  out.negint32 = on_number<CborType::kNegative>;
  out.negint64 = on_number<CborType::kNegative>;
  out.byte_string = on_string<CborType::kBytes>;
  out.string = on_string<CborType::kText>;
  out.byte_string_start = on_kind<Kind::kIndefiniteString>;
  out.string_start = on_kind<Kind::kIndefiniteString>;
  out.array_start = on_number<CborType::kArray>;
  out.map_start = on_number<CborType::kMap>;
  out.indef_array_start = on_kind<Kind::kIndefiniteArray>;
  out.indef_map_start = on_kind<Kind::kIndefiniteMap>;
  out.tag = on_number<CborType::kTag>;
  out.float2 = on_float;
  out.float4 = on_float;
  out.float8 = on_float;
  out.undefined = on_simple<CborType::kUndefined>;
  out.null = on_simple<CborType::kNull>;
  out.boolean = [](void* context, bool value) { set(context, CborType::kBool, value ? 1 : 0); };
  out.indef_break = on_kind<Kind::kBreak>;
  return out;
}

// libcbor does not say how long a head was, only how much it took.
std::size_t minimal_head_size(std::uint64_t value) {
  if (value < 24) return 1;
  if (value <= 0xff) return 2;
  if (value <= 0xffff) return 3;
  return value <= 0xffffffff ? 5 : 9;
}

}  // namespace

tl::expected<CborHead, CborHeadError> read_cbor_head(BytesView input) {
  static const cbor_callbacks callbacks = make_callbacks();
  if (input.empty()) return tl::unexpected(CborHeadError::kTruncated);
  Target target;
  cbor_decoder_result result;
  if (input[0] >= 0xc6 && input[0] <= 0xd4) {
    // libcbor 0.8 refuses the one-byte heads of tags 6 to 20, COSE's 16 to 18 among them: it is
    // given the same tag in two bytes.
    const std::array<std::uint8_t, 2> longer = {0xd8, static_cast<std::uint8_t>(input[0] & 0x1f)};
    result = cbor_stream_decode(longer.data(), longer.size(), &callbacks, &target);
    if (result.status == CBOR_DECODER_FINISHED) result.read = 1;
  } else {
    result = cbor_stream_decode(input.data(), input.size(), &callbacks, &target);
  }
  if (result.status == CBOR_DECODER_NEDATA) return tl::unexpected(CborHeadError::kTruncated);
  if (result.status != CBOR_DECODER_FINISHED || !target.called) {
    return tl::unexpected(CborHeadError::kReserved);
  }
  CborHead& head = target.head;
  head.size = result.read;
  if (head.kind == CborHead::Kind::kItem && head.type != CborType::kBool) {
    const std::size_t content = head.data == nullptr ? 0 : static_cast<std::size_t>(head.value);
    head.minimal = head.size - content == minimal_head_size(head.value);
  }
  return head;
}

}  // namespace witan::detail
