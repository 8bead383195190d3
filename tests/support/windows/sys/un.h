#include "../posix.h"
#include <afunix.h>
