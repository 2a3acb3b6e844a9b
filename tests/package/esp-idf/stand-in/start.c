/* Part of the stand-in for ESP-IDF. SPDX-License-Identifier: MIT OR Apache-2.0 */
void app_main(void);

int main(void) {
    app_main();
    return 0;
}
