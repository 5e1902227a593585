#pragma once
// The stored note of a checkpoint that was cosigned again.

#include <string>
#include <string_view>

namespace witan {

// `next` with those lines of `kept` whose key has none in it: whoever sends a checkpoint again with
// fewer of its log's lines takes none away. Both are notes of verified lines; when their texts
// differ, or one cannot be read, `next` as it is.
[[nodiscard]] std::string merged_note(std::string_view kept, std::string_view next);

}  // namespace witan
