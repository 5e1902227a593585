#pragma once
// A software bill of materials of this program (SPDX 2.3, JSON): what it was built with.

#include <string>

namespace witan::cli {

[[nodiscard]] std::string sbom_of_this_program();

}  // namespace witan::cli
