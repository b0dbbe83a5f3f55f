/** Store keys and the store register: opened on a folder, asked by messages. */
export { serveStoreKeys } from './connection.ts'
export { makeStoreIdentity, storeKeysPlace } from './identity.ts'
export { listenForStoreKeys } from './socket.ts'
export { StoreKeys, type StoreKeysOptions, type StoreSummary } from './store-keys.ts'
