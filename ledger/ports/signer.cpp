#include "ledger/ports/signer.h"

#include <string_view>

namespace witan {

std::string_view to_string(Grade grade) {
  switch (grade) {
    case Grade::kSim:
      return "sim";
    case Grade::kProcess:
      return "process";
    case Grade::kTpm:
      return "tpm";
    case Grade::kTee:
      return "tee";
  }
  return "unknown";
}

Result<Grade> grade_from_name(std::string_view name) {
  for (const Grade grade : {Grade::kSim, Grade::kProcess, Grade::kTpm, Grade::kTee}) {
    if (name == to_string(grade)) return grade;
  }
  return fail(ErrorCode::kMalformed, "grade \"" + std::string(name.substr(0, 32)) +
                                         "\", expected sim, process, tpm or tee");
}

}  // namespace witan
