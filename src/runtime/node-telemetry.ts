/**
 * @file Keeps ONNX Runtime from reporting about its use: builds for Linux and macOS send events, and keep an identifier of
 * the machine in the user's cache folder, unless this variable is set when the library is loaded.
 */

/**
 * To be called on the main thread before the runtime is loaded by any thread: threads have copies of the environment, and
 * the library reads the process's.
 */
export function switchOffTelemetry(): void {
  process.env["ORT_DISABLE_TELEMETRY"] = "1";
}
