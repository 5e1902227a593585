#include <algorithm>
#include <array>
#include <compare>
#include <memory_resource>
#include <string>
#include <vector>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/cbor.h"
#include "ledger/format/cbor_head.h"

namespace witan {
namespace {

using detail::CborHead;

// A map key by its value, so that two encodings of one number are one key.
struct Key {
  CborType type;
  std::uint64_t value;
  const std::uint8_t* data;

  friend std::strong_ordering operator<=>(const Key& a, const Key& b) {
    if (const auto order = a.type <=> b.type; order != 0) return order;
    if (const auto order = a.value <=> b.value; order != 0) return order;
    if (a.data == nullptr) return std::strong_ordering::equal;
    return std::lexicographical_compare_three_way(a.data, a.data + a.value, b.data,
                                                  b.data + b.value);
  }
  friend bool operator==(const Key& a, const Key& b) { return (a <=> b) == 0; }
};

// An array, map or tag whose content is being read.
struct Frame {
  bool is_map = false;
  bool indefinite = false;
  std::uint64_t remaining = 0;  // items to come; unused when indefinite
  std::uint64_t done = 0;       // items read
  std::size_t first_key = 0;    // of this map, in keys_
};

class Validator {
 public:
  Validator(BytesView bytes, CborOptions options) : bytes_(bytes), options_(options) {
    keys_.reserve(kInlineKeys);
  }

  Result<void> run() {
    do {
      WITAN_TRY(step());
    } while (depth_ > 0);
    if (offset_ != bytes_.size()) {
      return malformed("found " + std::to_string(bytes_.size() - offset_) +
                       " bytes after the item, expected the end");
    }
    return {};
  }

 private:
  static constexpr std::size_t kInlineKeys = 64;

  [[nodiscard]] tl::unexpected<Error> malformed(const std::string& what) const {
    return fail(ErrorCode::kMalformed, "CBOR at offset " + std::to_string(offset_) + ": " + what);
  }
  [[nodiscard]] tl::unexpected<Error> too_large(const std::string& what, std::uint64_t found,
                                                std::uint64_t maximum) const {
    return fail(ErrorCode::kTooLarge, "CBOR at offset " + std::to_string(offset_) + ": " + what +
                                          " " + std::to_string(found) + ", expected at most " +
                                          std::to_string(maximum));
  }

  // Reads one head and leaves the containers that it completes.
  Result<void> step() {
    const auto decoded = detail::read_cbor_head(bytes_.subspan(offset_));
    if (!decoded) {
      return malformed(decoded.error() == detail::CborHeadError::kTruncated
                           ? "found the end of the input inside an item"
                           : "found a reserved or unassigned value");
    }
    const CborHead& head = *decoded;
    if (head.kind == CborHead::Kind::kBreak) return step_break(head);
    if (++items_ > limits::kCborItemsMax) {
      return too_large("number of items", items_, limits::kCborItemsMax);
    }
    if (options_.minimal && !head.minimal) return malformed("found a head that is not minimal");
    const bool is_key = depth_ > 0 && top().is_map && top().done % 2 == 0;
    if (is_key) WITAN_TRY(add_key(head));
    WITAN_TRY(check(head));
    offset_ += head.size;
    if (opens(head)) return open(head);
    return finish_item();
  }

  Result<void> step_break(const CborHead& head) {
    if (depth_ == 0 || !top().indefinite || (top().is_map && top().done % 2 != 0)) {
      return malformed("found a break where no indefinite array or map can end");
    }
    WITAN_TRY(close());
    offset_ += head.size;
    return finish_item();
  }

  Result<void> check(const CborHead& head) {
    const std::size_t rest = bytes_.size() - offset_ - head.size;
    switch (head.kind) {
      case CborHead::Kind::kIndefiniteString:
        return malformed("found a string of indefinite length");
      case CborHead::Kind::kFloat:
        return malformed("found a floating-point number");
      case CborHead::Kind::kIndefiniteArray:
      case CborHead::Kind::kIndefiniteMap:
        if (!options_.indefinite) return malformed("found an array or map of indefinite length");
        return {};
      case CborHead::Kind::kItem:
      case CborHead::Kind::kBreak:
        break;
    }
    // Each element takes a byte at least: a claim that cannot be true is refused before it is
    // believed.
    if (head.type == CborType::kArray && head.value > rest) {
      return malformed("found an array of " + std::to_string(head.value) + " elements in " +
                       std::to_string(rest) + " bytes");
    }
    if (head.type == CborType::kMap && head.value > rest / 2) {
      return malformed("found a map of " + std::to_string(head.value) + " pairs in " +
                       std::to_string(rest) + " bytes");
    }
    if (head.type == CborType::kText && !is_utf8(head.content())) {
      return malformed("found a text string that is not UTF-8");
    }
    return {};
  }

  Result<void> add_key(const CborHead& head) {
    const bool usable = head.kind == CborHead::Kind::kItem &&
                        (head.type == CborType::kUnsigned || head.type == CborType::kNegative ||
                         head.type == CborType::kText || head.type == CborType::kBytes);
    if (!usable) return malformed("found a map key that is neither an integer nor a string");
    if (top().done / 2 >= limits::kCborMapEntriesMax) {
      return too_large("number of map entries", top().done / 2 + 1, limits::kCborMapEntriesMax);
    }
    keys_.push_back({head.type, head.value, head.data});
    return {};
  }

  [[nodiscard]] static bool opens(const CborHead& head) {
    if (head.kind != CborHead::Kind::kItem) return true;  // the other kinds are gone by now
    return head.type == CborType::kTag || head.type == CborType::kArray ||
           head.type == CborType::kMap;
  }

  Result<void> open(const CborHead& head) {
    if (depth_ == frames_.size()) {
      return too_large("nesting depth", depth_ + 1, frames_.size());
    }
    Frame frame;
    frame.first_key = keys_.size();
    frame.indefinite = head.kind != CborHead::Kind::kItem;
    frame.is_map = head.kind == CborHead::Kind::kIndefiniteMap ||
                   (!frame.indefinite && head.type == CborType::kMap);
    if (!frame.indefinite) {
      frame.remaining = head.type == CborType::kTag ? 1
                        : frame.is_map              ? 2 * head.value
                                                    : head.value;
    }
    frames_[depth_++] = frame;
    if (frame.indefinite || frame.remaining > 0) return {};
    WITAN_TRY(close());
    return finish_item();
  }

  // Leaves the container on top, whose content is complete.
  Result<void> close() {
    const Frame& frame = top();
    if (frame.is_map) {
      const auto begin = keys_.begin() + static_cast<std::ptrdiff_t>(frame.first_key);
      std::sort(begin, keys_.end());
      if (std::adjacent_find(begin, keys_.end()) != keys_.end()) {
        return malformed("found the same key twice in the map that ends here");
      }
      keys_.resize(frame.first_key);
    }
    --depth_;
    return {};
  }

  // One item of the container on top is complete; so may be the container, and what is around it.
  Result<void> finish_item() {
    while (depth_ > 0) {
      Frame& frame = top();
      ++frame.done;
      if (frame.indefinite || --frame.remaining > 0) return {};
      WITAN_TRY(close());
    }
    return {};
  }

  Frame& top() { return frames_[depth_ - 1]; }

  BytesView bytes_;
  CborOptions options_;
  std::size_t offset_ = 0;
  std::size_t items_ = 0;
  std::array<Frame, limits::kCborDepthMax> frames_;
  std::size_t depth_ = 0;
  // Maps of ordinary size are checked without touching the heap.
  std::array<std::byte, kInlineKeys * sizeof(Key)> key_memory_;
  std::pmr::monotonic_buffer_resource key_resource_{key_memory_.data(), key_memory_.size()};
  std::pmr::vector<Key> keys_{&key_resource_};
};

}  // namespace

Result<void> cbor_validate(BytesView bytes, CborOptions options) {
  return Validator(bytes, options).run();
}

}  // namespace witan
