// What the threads of a warp do together in the emulator, and the numbers of the tensor cores. Each
// lane leaves its part; the last to come does it for all of them.
#include "compute/cuda/cuda_emulator_state.h"

#include <string.h>

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Where a lane's registers lie in a [16][k], b [k][8]: k is 16 for bf16, two numbers to a register,
// 8 for tf32, whose low 13 bits the device does not look at.
static void spread(const uint32_t *words, int lane, bool bf16, float a[16][16], float b[16][8])
{
    const int group = lane / 4, at = lane % 4;
    for (int r = 0; r < 4; r++) {
        const int row = group + r % 2 * 8;
        if (bf16) {
            const int k = 2 * at + r / 2 * 8;
            a[row][k] = float_of(words[r] << 16);
            a[row][k + 1] = float_of(words[r] & 0xffff0000U);
        } else {
            a[row][at + r / 2 * 4] = float_of(words[r] & ~0x1fffU);
        }
    }
    for (int r = 0; r < 2; r++) {
        if (bf16) {
            const int k = 2 * at + r * 8;
            b[k][group] = float_of(words[4 + r] << 16);
            b[k + 1][group] = float_of(words[4 + r] & 0xffff0000U);
        } else {
            b[at + r * 4][group] = float_of(words[4 + r] & ~0x1fffU);
        }
    }
}

static void multiply(struct emulated_warp *warp, uint32_t (*out)[4], bool bf16)
{
    float a[16][16], b[16][8];
    const int terms = bf16 ? 16 : 8;
    for (int lane = 0; lane < WARP; lane++) {
        spread(warp->in[lane].words, lane, bf16, a, b);
    }
    for (int lane = 0; lane < WARP; lane++) {
        for (int r = 0; r < 4; r++) {
            const int row = lane / 4 + r / 2 * 8, column = lane % 4 * 2 + r % 2;
            float sum = float_of(warp->in[lane].words[6 + r]);
            for (int k = 0; k < terms; k++) {
                sum += a[row][k] * b[k][column];
            }
            memcpy(&out[lane][r], &sum, sizeof sum);
        }
    }
}

static void load_matrix(struct emulated_warp *warp, uint32_t (*out)[4], bool transposed)
{
    for (int matrix = 0; matrix < 4; matrix++) {
        uint16_t values[8][8];
        for (int row = 0; row < 8; row++) {
            memcpy(values[row], warp->in[matrix * 8 + row].row, sizeof values[row]);
        }
        for (int lane = 0; lane < WARP; lane++) {
            const int row = lane / 4, column = lane % 4 * 2;
            const uint32_t low = transposed ? values[column][row] : values[row][column];
            const uint32_t high = transposed ? values[column + 1][row] : values[row][column + 1];
            out[lane][matrix] = low | high << 16;
        }
    }
}

static void ballot(struct emulated_warp *warp, uint32_t (*out)[4])
{
    uint32_t bits = 0;
    for (int lane = 0; lane < WARP; lane++) {
        bits |= warp->in[lane].words[0] << lane;
    }
    for (int lane = 0; lane < WARP; lane++) {
        out[lane][0] = bits;
    }
}

// The words 1 and 2 of the lane that word 0 names.
static void shuffle(struct emulated_warp *warp, uint32_t (*out)[4])
{
    for (int lane = 0; lane < WARP; lane++) {
        const uint32_t from = warp->in[lane].words[0] % WARP;
        out[lane][0] = warp->in[from].words[1];
        out[lane][1] = warp->in[from].words[2];
    }
}

static void hold_meeting(struct emulated_warp *warp)
{
    uint32_t(*out)[4] = warp->out[warp->turn % 2];
    switch (warp->meeting) {
    case MEET_SYNC:
        return;
    case MEET_SHUFFLE:
        shuffle(warp, out);
        return;
    case MEET_BALLOT:
        ballot(warp, out);
        return;
    case MEET_MMA_BF16:
    case MEET_MMA_TF32:
        multiply(warp, out, warp->meeting == MEET_MMA_BF16);
        return;
    case MEET_MATRIX:
    case MEET_MATRIX_T:
        load_matrix(warp, out, warp->meeting == MEET_MATRIX_T);
        return;
    }
}

// This lane's part goes in[lane] before; returns what came out for it.
static const uint32_t *meet(enum meeting meeting)
{
    struct emulated_warp *warp = &emulator->warps[emulator_place.thread / WARP];
    const int first = emulator_place.thread / WARP * WARP, lane = emulator_place.thread % WARP;
    const unsigned turn = warp->turn;
    if (warp->arrived > 0 && warp->meeting != meeting) {
        emulator_fault("the lanes of its warp are at different instructions");
    }
    warp->meeting = meeting;
    if (++warp->arrived < WARP) {
        emulator->threads[emulator_place.thread].state = AT_WARP;
        emulator_wait_for_warp();
    } else {
        hold_meeting(warp);
        warp->arrived = 0;
        warp->turn++;
        for (int i = 0; i < WARP; i++) {
            emulator->threads[first + i].state = READY;
        }
    }
    return warp->out[turn % 2][lane];
}

static uint32_t *meeting_words(void)
{
    emulator_need_together();
    return emulator->warps[emulator_place.thread / WARP].in[emulator_place.thread % WARP].words;
}

void emulator_warp_sync(void)
{
    emulator_need_together();
    meet(MEET_SYNC);
}

void emulator_shuffle(void *value, size_t bytes, int lane)
{
    uint32_t *words = meeting_words();
    words[0] = (uint32_t)lane;
    memcpy(words + 1, value, bytes);
    memcpy(value, meet(MEET_SHUFFLE), bytes);
}

uint32_t emulator_ballot(bool condition)
{
    meeting_words()[0] = condition;
    return meet(MEET_BALLOT)[0];
}

void emulator_load_matrix(uint32_t r[4], const void *row, bool transposed)
{
    emulator_need_together();
    emulator_check_shared(row, 16);
    emulator->warps[emulator_place.thread / WARP].in[emulator_place.thread % WARP].row = row;
    memcpy(r, meet(transposed ? MEET_MATRIX_T : MEET_MATRIX), 4 * sizeof *r);
}

uint32_t emulator_bf16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffU) > 0x7f800000U) {
        return 0x7fff;
    }
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

uint32_t emulator_tf32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x7f800000U) == 0x7f800000U ? bits : (bits + 0x1000U) & ~0x1fffU;
}

void emulator_mma(bool bf16, float c[4], const uint32_t a[4], const uint32_t b[2])
{
    uint32_t *words = meeting_words();
    memcpy(words, a, 4 * sizeof *a);
    memcpy(words + 4, b, 2 * sizeof *b);
    memcpy(words + 6, c, 4 * sizeof *c);
    memcpy(c, meet(bf16 ? MEET_MMA_BF16 : MEET_MMA_TF32), 4 * sizeof *c);
}
