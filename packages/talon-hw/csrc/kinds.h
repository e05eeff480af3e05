/* Layers of every kind, in the order of their numbers. */
#define KIND f32
#define WEIGHT float
#define SUM float
#define LANES TALON_WIDE
#include "kind.h"

#define KIND i8_i16
#define WEIGHT int8_t
#define SUM int16_t
#define LANES (2 * TALON_WIDE)
#include "kind.h"

#define KIND i16_i32
#define WEIGHT int16_t
#define SUM int32_t
#define LANES TALON_WIDE
#include "kind.h"
