#include "ledger/bytes.h"

#include <algorithm>

namespace witan {

bool equal(BytesView a, BytesView b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace witan
