#pragma once
// Text from outside made harmless for a terminal.

#include <string>
#include <string_view>

namespace witan::cli {

// The text with everything escaped that a terminal could take for a command or that would show
// other than it is: control characters (C0, C1, DEL), bytes that are not UTF-8, and the characters
// that turn the direction of writing, as \n, \t, \r, \xHH or \uHHHH. One line for any text.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace witan::cli
